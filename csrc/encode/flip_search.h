// A tabu search over the signs of one row: it flips the sign that lowers the error most, or raises
// it least; a flipped sign rests for some steps. It ends some steps after the best signs it met.
//
// Costs are integers of 16 bits. That of a bit is counted in units of the length of its column of D
// in the metric W, so that light bits are told apart as finely as heavy ones, and their costs are
// compared as they are: the search flips what lowers the error most for the length of what it
// moves. No entry of D^T W D is too large then (Cauchy-Schwarz); sums that are saturate.
//
// An entry c of the matrix stands for c + 1/2, so that its complement is its negative. Costs fall
// behind by 1/2 in each step, all of them alike.
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
  // Steps that a flipped sign rests: more where columns of D are more alike.
  size_t tenure() const noexcept { return tenure_; }

 private:
  friend class FlipSearch;

  size_t n_bits_, width_, tenure_;
  float unit_, along_weight_;
  std::vector<float> own_;     // the diagonal of D^T W D
  std::vector<float> shares_;  // the units of bits, as shares of unit_, that of the heaviest one
  std::vector<float> scales_;  // costs of an error of 1
  // (n_bits + 1, width): 2 D^T W D in units, zeros on the diagonal; then zeros.
  AlignedArray<int16_t> doubled_;
};

// Where a row starts: its signs b plus 1, D^T W e and <v, e> for e = r - D b, and D^T v.
struct FlipStart {
  const uint8_t* signs;
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
  bool take();
  // Goes back to the best signs and writes them, ceil(n_bits / 8) bytes, where bit_order.h says.
  void pack_best(uint8_t* packed) noexcept;

 private:
  void flip(size_t bit);
  double error_now() const noexcept;

  const KernelTable& kernels_;
  const FlipProblem& problem_;
  const size_t patience_, tenure_, most_steps_;
  AlignedArray<int16_t> costs_;  // without the pull along v; raised where a sign rests
  AlignedArray<int16_t> signs_;  // 0, or -1 for negative ones
  // D^T v, negated where the sign is negative, in a unit of the row.
  AlignedArray<int16_t> pulls_;
  AlignedArray<float> along_;      // D^T v in the units of bits
  std::vector<uint8_t> rests_;     // 1 for signs that must not flip now
  std::vector<uint32_t> flipped_;  // which sign each step flipped
  std::vector<uint16_t> pairs_;    // of bytes of the code
  FlipUpdate update_;
  float factor_, factor_step_;  // the update's factor is factor_, which a flip changes by its pull
  CheapestFlip next_;
  size_t n_best_steps_;
  int n_halves_;        // by how many half units costs are behind
  double change_;       // of e^T W e since the start, in half units
  double along_scale_;  // from factor_^2 to the error along v, in half units
  double least_error_;
  float coarsest_;  // unit of a sign that was flipped since the best ones
};

}  // namespace bitindex
