// The Walsh-Hadamard transform, written once over the class Floats of each instruction set (see
// vector_kernels.h), of which it also needs store and
//   butterfly<h>   for lanes h apart, the sum in the lower and the difference in the upper one;
//   kRadix         how many vectors the registers hold, a power of two.
#pragma once

#include "kernel_table.h"

namespace bitindex {

// The pairs h, 2h, ... kCount / 2 vectors apart.
template <class Floats, size_t kCount>
void add_and_subtract(Floats (&x)[kCount]) noexcept {
  for (size_t h = 1; h < kCount; h *= 2)
    for (size_t i = 0; i < kCount; ++i) {
      if ((i & h) != 0) continue;
      const Floats sum = x[i] + x[i + h], difference = x[i] - x[i + h];
      x[i] = sum;
      x[i + h] = difference;
    }
}

// Multiplies 16 * kCount numbers by their factors and transforms them.
template <class Floats, size_t kCount>
void hadamard_block(float* x, const float* factors) noexcept {
  Floats block[kCount];
  for (size_t i = 0; i < kCount; ++i) {
    block[i] = Floats::load(x + 16 * i) * Floats::load(factors + 16 * i);
    block[i] = block[i].template butterfly<1>().template butterfly<2>();
    block[i] = block[i].template butterfly<4>().template butterfly<8>();
  }
  add_and_subtract(block);
  for (size_t i = 0; i < kCount; ++i) block[i].store(x + 16 * i);
}

// The pairs stride, 2 stride, ... kCount / 2 * stride numbers apart.
template <class Floats, size_t kCount>
void hadamard_stages(float* x, size_t n, size_t stride) noexcept {
  for (size_t first = 0; first < n; first += kCount * stride)
    for (size_t column = first; column < first + stride; column += 16) {
      Floats block[kCount];
      for (size_t i = 0; i < kCount; ++i) block[i] = Floats::load(x + column + i * stride);
      add_and_subtract(block);
      for (size_t i = 0; i < kCount; ++i) block[i].store(x + column + i * stride);
    }
}

// As many stages at once as registers allow: the pairs from `stride` numbers apart on.
template <class Floats, size_t kCount>
void hadamard_rest(float* x, size_t n, size_t stride) noexcept {
  for (; kCount * stride <= n; stride *= kCount) hadamard_stages<Floats, kCount>(x, n, stride);
  if constexpr (kCount > 2) hadamard_rest<Floats, kCount / 2>(x, n, stride);
}

// n >= 16.
template <class Floats, size_t kCount>
void hadamard_blocks(float* x, const float* factors, size_t n) noexcept {
  if constexpr (kCount > 1)
    if (n < 16 * kCount) return hadamard_blocks<Floats, kCount / 2>(x, factors, n);
  for (size_t i = 0; i < n; i += 16 * kCount) hadamard_block<Floats, kCount>(x + i, factors + i);
  hadamard_rest<Floats, Floats::kRadix>(x, n, 16 * kCount);
}

template <class Floats>
void multiply_numbers(float* x, const float* factors, size_t n) noexcept {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) (Floats::load(x + i) * Floats::load(factors + i)).store(x + i);
  for (; i < n; ++i) x[i] *= factors[i];
}

template <class Floats>
void hadamard(float* x, size_t n_dims, const float* factors, size_t first, size_t n) noexcept {
  multiply_numbers<Floats>(x, factors, first);
  multiply_numbers<Floats>(x + first + n, factors + first + n, n_dims - first - n);
  x += first;
  factors += first;
  if (n >= 16) return hadamard_blocks<Floats, Floats::kRadix>(x, factors, n);
  multiply_numbers<Floats>(x, factors, n);
  for (size_t h = 1; h < n; h *= 2)
    for (size_t i = 0; i < n; ++i) {
      if ((i & h) != 0) continue;
      const float sum = x[i] + x[i + h], difference = x[i] - x[i + h];
      x[i] = sum;
      x[i + h] = difference;
    }
}

}  // namespace bitindex
