// A tabu search over the signs of one row: it flips the sign that lowers the error most, or raises
// it least; a flipped sign rests for some steps. It ends some steps after the best signs it met.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"

namespace bitindex {

// What all rows share.
struct FlipProblem {
  size_t n_bits;
  size_t width;           // n_bits, up to a multiple of 16
  const float* doubled;   // (width + 1, width): 2 D^T W D, and a row of zeros
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
  // Flips a sign; false where the search is over.
  bool step() noexcept;
  // Writes the best signs, ceil(n_bits / 8) bytes, bit 0 the highest of the first byte.
  void pack_best(uint8_t* packed) const noexcept;

 private:
  // Bit j % 16 of entry j / 16 stands for sign j.
  using SignSet = std::vector<uint16_t>;

  void flip(size_t j) noexcept;
  void rest(size_t j) noexcept;

  const KernelTable& kernels_;
  const FlipProblem& problem_;
  const size_t tenure_;
  const size_t most_steps_;
  std::vector<float> costs_, along_;  // along_: D^T v, negative where the sign is
  SignSet negative_, best_, free_;
  std::vector<size_t> resting_signs_;
  FlipUpdate update_;
  size_t flipped_, n_steps_, since_best_;
  float flipped_cost_, change_, least_;
};

}  // namespace bitindex
