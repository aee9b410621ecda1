// Steps of a search over signs, written once over two classes of each instruction set:
//
// Floats  see vector_kernels.h; also flip_signs, of the first where the second is negative, -0
//         included
// Shorts  kFlipLanes integers of 16 bits: set, load, store, xor_bits of three, add_saturated,
//         multiply_rounded (a product / 2^15, rounded),
//         smaller, replace_where_less (the first where the third is less than the fourth, else the
//         second), and first_smallest, the first lane of those with the smallest number, and it.
#pragma once

#include "kernel_table.h"
#include "unrolled.h"

namespace bitindex {

template <class Floats, size_t kRows>
BITINDEX_FLATTEN void decide_rows(float* evidence, size_t evidence_stride, const float* fed_back,
                                  float stretch, const float* feedback, uint8_t* signs,
                                  size_t sign_stride) noexcept {
  Floats left[kRows];
  unrolled<kRows>([&](size_t r) noexcept {
    left[r] = Floats::load(evidence + r * evidence_stride) * Floats::set(stretch) +
              Floats::load(fed_back + 16 * r);
  });
  for (size_t i = 0; i < 16; ++i) {
    const Floats row = Floats::load(feedback + 16 * i);
    unrolled<kRows>([&](size_t r) noexcept {
      float lanes[16];
      left[r].store(lanes);
      signs[r * sign_stride + i] = static_cast<uint8_t>(sign_of(lanes[i]) + 1);
      left[r] = left[r] - flip_signs(row, Floats::set(lanes[i]));
    });
  }
  unrolled<kRows>([&](size_t r) noexcept {
    float* row = evidence + r * evidence_stride;
    (left[r] - Floats::load(row) * Floats::set(stretch - 1.0f)).store(row);
  });
}

// Several rows at once: each sign of a row has to wait for the one before.
template <class Floats>
void decide_signs(float* evidence, size_t n_rows, size_t evidence_stride, const float* fed_back,
                  float stretch, const float* feedback, uint8_t* signs,
                  size_t sign_stride) noexcept {
  constexpr size_t kRows = 8;
  for (; n_rows >= kRows; n_rows -= kRows) {
    decide_rows<Floats, kRows>(evidence, evidence_stride, fed_back, stretch, feedback, signs,
                               sign_stride);
    evidence += kRows * evidence_stride;
    fed_back += kRows * 16;
    signs += kRows * sign_stride;
  }
  for (; n_rows > 0; --n_rows) {
    decide_rows<Floats, 1>(evidence, evidence_stride, fed_back, stretch, feedback, signs,
                           sign_stride);
    evidence += evidence_stride;
    fed_back += 16;
    signs += sign_stride;
  }
}

template <class Shorts>
CheapestFlip next_flip(const FlipUpdate& update, const int16_t* signs, const int16_t* pulls,
                       size_t n, int16_t* costs) noexcept {
  const Shorts sign = Shorts::set(update.sign), factor = Shorts::set(update.factor);
  const Shorts one = Shorts::set(1);
  const int16_t* row = update.row;
  Shorts least = Shorts::set(INT16_MAX), numbers = Shorts::set(0), number = numbers;
  for (size_t j = 0; j < n; j += kFlipLanes) {
    const Shorts change = xor_bits(Shorts::load(row + j), Shorts::load(signs + j), sign);
    const Shorts stored = add_saturated(Shorts::load(costs + j), change);
    stored.store(costs + j);
    const Shorts cost = add_saturated(stored, multiply_rounded(Shorts::load(pulls + j), factor));
    numbers = replace_where_less(number, numbers, cost, least);
    least = smaller(cost, least);
    number = add_saturated(number, one);
  }
  CheapestFlip cheapest = first_smallest(least);
  int16_t lanes[kFlipLanes];
  numbers.store(lanes);
  cheapest.bit += static_cast<uint32_t>(lanes[cheapest.bit]) * kFlipLanes;
  return cheapest;
}

}  // namespace bitindex
