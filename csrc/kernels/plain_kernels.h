// Loops over numbers one by one, which compilers turn into vectors: written once, and compiled for
// each instruction set. Isa is any class of its file, so that each has functions of its own.
#pragma once

#include "kernel_table.h"

namespace bitindex {

template <class Isa>
size_t first_least(const uint32_t* numbers, size_t n) noexcept {
  constexpr size_t kBlock = 64;
  int32_t least = INT32_MAX;
  size_t block = 0;
  for (size_t first = 0; first < n; first += kBlock) {
    const size_t last = n - first < kBlock ? n : first + kBlock;
    int32_t here = INT32_MAX;
    for (size_t i = first; i < last; ++i) {
      const int32_t number = static_cast<int32_t>(numbers[i]);
      here = number < here ? number : here;
    }
    block = here < least ? first : block;
    least = here < least ? here : least;
  }
  while (numbers[block] != static_cast<uint32_t>(least)) ++block;
  return block;
}

template <class Isa>
void weigh_bits(const uint8_t* code, size_t n_bytes, const int8_t* weights, const uint32_t* rows,
                size_t n_rows, int32_t* sums) noexcept {
  constexpr size_t kBytes = 64;
  uint8_t bits[8 * kBytes];
  for (size_t i = 0; i < n_rows; ++i) sums[i] = 0;
  for (size_t first = 0; first < n_bytes; first += kBytes) {
    const size_t n_here = n_bytes - first < kBytes ? n_bytes - first : kBytes;
    for (size_t byte = 0; byte < n_here; ++byte)
      for (size_t bit = 0; bit < 8; ++bit)
        bits[8 * byte + bit] = static_cast<uint8_t>(code[first + byte] >> bit & 1);
    for (size_t i = 0; i < n_rows; ++i) {
      const int8_t* const row = weights + 8 * (rows[i] * n_bytes + first);
      int32_t sum = 0;
      for (size_t j = 0; j < 8 * n_here; ++j) sum += bits[j] * row[j];
      sums[i] += sum;
    }
  }
}

template <class Isa>
float largest_magnitude(const float* x, size_t n) noexcept {
  int32_t largest = 0;  // of floats without their sign, which are in the order of their bits
  for (size_t i = 0; i < n; ++i) {
    int32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    bits &= INT32_MAX;
    largest = bits > largest ? bits : largest;
  }
  float magnitude;
  std::memcpy(&magnitude, &largest, sizeof magnitude);
  return magnitude;
}

template <class Isa>
void round_bytes(const float* x, float factor, int offset, size_t n, uint8_t* out) noexcept {
  for (size_t i = 0; i < n; ++i) {
    const float rounded = (x[i] * factor + kRoundingShift) - kRoundingShift;
    out[i] = static_cast<uint8_t>(static_cast<int32_t>(rounded) + offset);
  }
}

template <class Isa>
void add_scaled(const int32_t* sums, const float* scales, float factor, size_t n,
                float* out) noexcept {
  for (size_t j = 0; j < n; ++j) out[j] += static_cast<float>(sums[j]) * (factor * scales[j]);
}

template <class Isa>
void weigh_left(const uint8_t* signs, const float* weights, float noise, size_t n, float* left,
                float* weighed) noexcept {
  for (size_t j = 0; j < n; ++j) {
    const float sign = static_cast<float>(signs[j] - 1);
    const float here = weights[j] * (left[j] - sign);
    weighed[j] = here;
    left[j] = here + noise * sign;
  }
}

template <class Isa>
void start_flips(const FlipTerms& terms, size_t n, int16_t* costs, int16_t* pulls,
                 int16_t* out_signs) noexcept {
  const FlipTerms t = terms;  // a copy, which nothing that is written can change
  for (size_t j = 0; j < n; ++j) {
    const float sign = static_cast<float>(t.signs[j] - 1);
    const float own_along = t.along_weight * t.along[j] * t.along[j];
    const float cost = sign * t.gradient[j] + (t.own[j] + own_along);
    costs[j] = rounded_short(cost * t.scales[j]);
    pulls[j] = rounded_short(sign * t.pulls[j] * t.pull_scale);
    out_signs[j] = static_cast<int16_t>((t.signs[j] >> 1) - 1);
  }
}

}  // namespace bitindex
