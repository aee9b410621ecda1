// A tabu search over the signs of one row: it flips the sign that lowers the error most, or raises
// it least; a flipped sign rests for some steps. It ends some steps after the best signs it met.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/aligned.h"
#include "kernels/kernel_table.h"

namespace bitindex {

// What all rows share.
struct FlipProblem {
  size_t n_bits;
  size_t width;          // n_bits, up to a multiple of 16
  const float* doubled;  // (width + 1, width): 2 D^T W D, and a row of zeros
  const float* own;      // (width): the diagonal of D^T W D
  float along_weight;
  size_t patience;  // 0: stop at the first signs that no flip makes better
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
  FlipSearch(const KernelTable& kernels, const FlipProblem& problem);

  void start(const FlipStart& start) noexcept;
  // A step looks for the next flip and then takes it; false where the search is over. What the two
  // halves do is apart so that other searches can look while the result of this one is awaited.
  void look() noexcept;
  bool take() noexcept;
  // Writes the best signs, ceil(n_bits / 8) bytes, bit 0 the highest of the first byte.
  void pack_best(uint8_t* packed) const noexcept;

 private:
  static constexpr size_t kTenure = 8;  // steps that a flipped sign rests

  void flip(size_t j) noexcept;

  const KernelTable& kernels_;
  const FlipProblem& problem_;
  const size_t tenure_;
  const size_t most_steps_;
  AlignedArray<float> costs_;  // infinite where a sign rests
  // D^T v, negated where the sign is negative, which the lowest bit tells too.
  AlignedArray<float> along_;
  std::vector<uint8_t> packed_, best_;
  // Signs that rest: which, their sign, entry of along_ and true cost; and the place of the one
  // that has rested longest. Places that are still free stand for sign 0, and come to nothing.
  size_t resting_[kTenure] = {};
  float resting_signs_[kTenure] = {}, resting_along_[kTenure] = {}, resting_costs_[kTenure] = {};
  size_t oldest_;
  FlipUpdate update_;
  size_t next_, n_steps_, since_best_;
  float change_, least_;
};

}  // namespace bitindex
