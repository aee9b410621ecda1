// Steps of a search over signs, written once over the class Floats of each instruction set (see
// vector_kernels.h).
#pragma once

#include "kernel_table.h"

namespace bitindex {

template <class Floats>
void decide_signs(float* evidence, const float* feedback, size_t n, float* signs) noexcept {
  for (size_t i = 0; i < n; ++i, feedback += n) {
    signs[i] = evidence[i] > 0.0f ? 1.0f : -1.0f;
    const Floats sign = Floats::set(signs[i]);
    for (size_t j = i / 16 * 16; j < n; j += 16)
      (Floats::load(evidence + j) - sign * Floats::load(feedback + j)).store(evidence + j);
  }
}

template <class Floats>
size_t next_flip(const FlipUpdate& update, const float* signs, const float* own, size_t n,
                 float* gradient, float* costs) noexcept {
  const Floats by_row = Floats::set(update.row_factor), by_along = Floats::set(update.along_factor);
  Floats least = Floats::set(3e38f);
  for (size_t j = 0; j < n; j += 16) {
    const Floats slope = Floats::load(gradient + j) + by_row * Floats::load(update.row + j) +
                         by_along * Floats::load(update.along + j);
    slope.store(gradient + j);
    const Floats cost = Floats::load(signs + j) * slope + Floats::load(own + j);
    cost.store(costs + j);
    least = smaller(least, cost);
  }
  float lanes[16];
  least.store(lanes);
  for (size_t half = 8; half > 0; half /= 2)
    for (size_t j = 0; j < half; ++j)
      lanes[j] = lanes[j + half] < lanes[j] ? lanes[j + half] : lanes[j];
  const Floats smallest = Floats::set(lanes[0]);
  for (size_t j = 0; j < n; j += 16) {
    const auto reached = at_most(Floats::load(costs + j), smallest);
    if (!any(reached, reached)) continue;
    uint32_t positions[32];
    append(reached, j, positions);
    return positions[0];
  }
  return 0;
}

}  // namespace bitindex
