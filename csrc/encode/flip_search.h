// A tabu search over the signs of one row: it flips the sign that lowers the error most, or raises
// it least; a flipped sign rests for some steps. It ends some steps after the best signs it met.
//
// Costs are integers of 16 bits, in units that the energies of the bits determine. A number c
// stands for c + 1/2, so that its complement is its negative. Numbers are rounded once, when the
// search begins, and later changes are exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/aligned.h"
#include "kernels/kernel_table.h"

namespace bitindex {

// What all rows share.
class FlipProblem {
 public:
  // `gram` is D^T W D, (n_bits, n_bits) with its rows `stride` apart.
  FlipProblem(const float* gram, size_t n_dims, size_t n_bits, size_t stride, float along_weight);

  size_t n_bits() const noexcept { return n_bits_; }
  // n_bits, up to a multiple of the lanes of kernels.
  size_t width() const noexcept { return width_; }

 private:
  friend class FlipSearch;

  size_t n_bits_, width_;
  float unit_, along_weight_;
  std::vector<float> own_;      // the diagonal of D^T W D
  std::vector<int16_t> fixed_;  // (width): -1 where no flip can pay, and where there is no bit
  // (n_bits + 1, width): 2 D^T W D in units, zeros on the diagonal and for fixed bits; then zeros.
  AlignedArray<int16_t> doubled_;
};

// Where a row starts: its signs b, D^T W e and <v, e> for e = r - D b, and D^T v.
struct FlipStart {
  const int16_t* signs;
  const float* gradient;
  const float* along;
  float left_along;
};

class FlipSearch {
 public:
  // A patience of 0 stops at the first signs that no flip makes better.
  FlipSearch(const KernelTable& kernels, const FlipProblem& problem, size_t patience);

  void start(const FlipStart& start) noexcept;
  // A step looks for the next flip and then takes it; false where the search is over. What the two
  // halves do is apart so that other searches can look while the result of this one is awaited.
  void look() noexcept;
  bool take() noexcept;
  // Writes the best signs, ceil(n_bits / 8) bytes, bit 0 the highest of the first byte.
  void pack_best(uint8_t* packed) noexcept;

 private:
  static constexpr size_t kTenure = 8;  // steps that a flipped sign rests

  void flip(CheapestFlip cheapest) noexcept;
  int pull_on(size_t bit) const noexcept;

  const KernelTable& kernels_;
  const FlipProblem& problem_;
  const size_t patience_, tenure_, most_steps_;
  AlignedArray<int16_t> costs_;  // without the pull along v; raised where a sign rests
  AlignedArray<int16_t> signs_;  // 0, or -1 for negative ones
  // D^T v, negated where the sign is negative, in a unit of the row.
  AlignedArray<int16_t> pulls_;
  std::vector<int16_t> rests_;   // 0, or -1 for signs that must not flip now
  std::vector<size_t> flipped_;  // since the best signs
  size_t resting_[kTenure] = {};
  FlipUpdate update_;
  float factor_, factor_step_;  // the update's factor is factor_, which a flip changes by its pull
  CheapestFlip next_;
  size_t oldest_, n_steps_;
  int n_halves_;
  int64_t change_, least_;  // of the error, twice
};

}  // namespace bitindex
