// Steps of a search over signs, written once over the class Floats of each instruction set (see
// vector_kernels.h), of which they also need
//   flip_signs          of the first where the second is negative, -0 included
//   lowest_bit_as_sign  moves the lowest bit to the highest place, and leaves no other
//   xor_bits            of three
//   select_bits         the bits of the second where those of the first are set, else of the third
//   add_bits            adds the bits as integers
//   smallest_lane       of numbers that are no NaN.
#pragma once

#include "kernel_table.h"
#include "unrolled.h"

namespace bitindex {

template <class Floats, size_t kRows>
BITINDEX_FLATTEN void decide_rows(const float* evidence, size_t evidence_stride,
                                  const float* feedback, int16_t* signs,
                                  size_t sign_stride) noexcept {
  Floats left[kRows];
  unrolled<kRows>(
      [&](size_t r) noexcept { left[r] = Floats::load(evidence + r * evidence_stride); });
  for (size_t i = 0; i < 16; ++i) {
    const Floats row = Floats::load(feedback + 16 * i);
    unrolled<kRows>([&](size_t r) noexcept {
      float lanes[16];
      left[r].store(lanes);
      signs[r * sign_stride + i] = sign_of(lanes[i]);
      left[r] = left[r] - flip_signs(row, Floats::set(lanes[i]));
    });
  }
}

// Several rows at once: each sign of a row has to wait for the one before.
template <class Floats>
void decide_signs(const float* evidence, size_t n_rows, size_t evidence_stride,
                  const float* feedback, int16_t* signs, size_t sign_stride) noexcept {
  constexpr size_t kRows = 8;
  for (; n_rows >= kRows; n_rows -= kRows) {
    decide_rows<Floats, kRows>(evidence, evidence_stride, feedback, signs, sign_stride);
    evidence += kRows * evidence_stride;
    signs += kRows * sign_stride;
  }
  for (; n_rows > 0; --n_rows) {
    decide_rows<Floats, 1>(evidence, evidence_stride, feedback, signs, sign_stride);
    evidence += evidence_stride;
    signs += sign_stride;
  }
}

// The last bits of a cost give way to its number, so that the smallest cost tells where it is. The
// number makes NaN of infinity, and smaller(NaN, least) is least.
template <class Floats>
size_t next_flip(const FlipUpdate& update, const float* along, size_t n, float* costs) noexcept {
  const uint32_t number_mask = flip_number_mask(n);
  uint32_t bits[16];
  const auto repeated = [&](uint32_t first, uint32_t step) noexcept {
    for (uint32_t j = 0; j < 16; ++j) bits[j] = first + j * step;
    return Floats::load_bits(bits);
  };
  const Floats keep = repeated(~number_mask, 0), sixteen = repeated(16, 0);
  const Floats sign = repeated(update.sign < 0.0f ? kSignBit : 0, 0);
  const Floats by_along = Floats::set(update.along_factor);
  const float* row = update.row;
  Floats least = repeated(kNoFlip, 0), numbers = repeated(0, 1);
  for (size_t j = 0; j < n; j += 16) {
    const Floats pull = Floats::load(along + j);
    const Floats change = xor_bits(Floats::load(row + j), lowest_bit_as_sign(pull), sign);
    const Floats cost = (Floats::load(costs + j) + change) + by_along * pull;
    cost.store(costs + j);
    least = smaller(select_bits(keep, cost, numbers), least);
    numbers = add_bits(numbers, sixteen);
  }
  const float smallest = smallest_lane(least);
  uint32_t key;
  std::memcpy(&key, &smallest, sizeof key);
  return key == kNoFlip ? n : key & number_mask;
}

}  // namespace bitindex
