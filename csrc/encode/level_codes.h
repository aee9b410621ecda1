// Codes of B = 1 to 8 bits a dimension, whose levels point in the direction of a rotated row.
//
// The B bits of a dimension, the most significant first, are a number v for the odd level
// 2v - (2^B - 1); the first bit is the sign. With r the rotated row and l the levels:
//
//   scale   |r|^2 / <r, l>: scale * <l, q> estimates <r, q> without bias over the random rotation
//   error   |r| * sqrt((|r|^2 |l|^2 / <r, l>^2 - 1) / max(d - 1, 1)): the estimate is off by
//           more than eps0 * error * |q| with a probability that falls like exp(-c eps0^2)
//
// Source: Gao & Long, "RaBitQ", SIGMOD 2024, theorem 3.2; Gao et al., "Practical and asymptotically
// optimal quantization ...", SIGMOD 2025.
#pragma once

#include "encode/rotation.h"

namespace bitindex {

struct LevelCodes {
  uint8_t* packed;  // ceil(d * B / 8) bytes a row, bit 0 the highest of the first byte
  float* factors;   // n_factors a row: the scale, and the error where there are two
  size_t n_factors;
};

// A row of zeros has the levels -1, scale 0 and error 0.
void encode_levels(const RowWork& work, const Rotation& rotation, const float* rows, size_t n_rows,
                   const float* center, size_t bits_per_dim, const LevelCodes& codes);

}  // namespace bitindex
