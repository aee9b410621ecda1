// Which rows are near enough, and how near that is. Written once over classes of each instruction
// set:
//
// Floats  16 numbers, as for vectors; at_most, the mask of where one is not above another.
// Counts  16 integers from 0 to 2^31 - 1: set, load; smaller; below, the mask of where one is
//         smaller than another.
// Masks   any of two; n_set, how many places; append, which writes the numbers of these places.
#pragma once

#include "kernel_table.h"
#include "unrolled.h"

namespace bitindex {

// Positions of n rows: passing(i) is the mask of the 16 from i on, passes(i) tells of one.
template <class Passing, class Passes>
size_t select_positions(size_t n, const Passing& passing, const Passes& passes,
                        uint32_t* positions) noexcept {
  size_t found = 0, i = 0;
  for (; i + 32 <= n; i += 32) {
    const auto first = passing(i), second = passing(i + 16);
    if (!any(first, second)) continue;
    found += append(first, i, positions + found);
    found += append(second, i + 16, positions + found);
  }
  for (; i < n; ++i) {
    positions[found] = static_cast<uint32_t>(i);
    found += passes(i);
  }
  return found;
}

template <class Floats, bool kScale, bool kOffset>
size_t select_passing(const uint32_t* sums, size_t n, const RowTest& test,
                      uint32_t* positions) noexcept {
  const Floats alpha = Floats::set(test.alpha), gamma = Floats::set(test.gamma);
  const Floats beta = Floats::set(test.beta), limit = Floats::set(test.limit);
  const auto passing = [&](size_t i) noexcept {
    Floats value = alpha * Floats::from_ints(sums + i) + gamma;
    if (kScale) value = value * Floats::load(test.scale + i);
    if (kOffset) value = value + beta * Floats::load(test.offset + i);
    return at_most(value, limit);
  };
  const auto passes = [&](size_t i) noexcept {
    float value = test.alpha * static_cast<float>(static_cast<int32_t>(sums[i])) + test.gamma;
    if (kScale) value *= test.scale[i];
    if (kOffset) value += test.beta * test.offset[i];
    return value <= test.limit;
  };
  return select_positions(n, passing, passes, positions);
}

template <class Floats>
size_t select_rows(const uint32_t* sums, size_t n, const RowTest& test,
                   uint32_t* positions) noexcept {
  if (test.scale != nullptr)
    return test.offset != nullptr ? select_passing<Floats, true, true>(sums, n, test, positions)
                                  : select_passing<Floats, true, false>(sums, n, test, positions);
  return test.offset != nullptr ? select_passing<Floats, false, true>(sums, n, test, positions)
                                : select_passing<Floats, false, false>(sums, n, test, positions);
}

template <class Counts>
size_t select_at_most(const uint32_t* counts, size_t n, uint32_t most,
                      uint32_t* positions) noexcept {
  const Counts beyond = Counts::set(most + 1);
  return select_positions(
      n, [&](size_t i) noexcept { return below(Counts::load(counts + i), beyond); },
      [&](size_t i) noexcept { return counts[i] <= most; }, positions);
}

template <class Counts>
BITINDEX_FLATTEN uint32_t rank_bound(const uint32_t* counts, size_t n, size_t rank,
                                     uint32_t most) noexcept {
  constexpr size_t kVectors = kBoundLanes / 16;
  Counts least[kVectors];
  unrolled<kVectors>([&](size_t v) noexcept { least[v] = Counts::set(INT32_MAX); });
  const auto add = [&](const uint32_t* here) noexcept {
    unrolled<kVectors>(
        [&](size_t v) noexcept { least[v] = smaller(least[v], Counts::load(here + 16 * v)); });
  };
  size_t i = 0;
  for (; i + kBoundLanes <= n; i += kBoundLanes) add(counts + i);
  if (i < n) {
    uint32_t last[kBoundLanes];
    for (size_t j = 0; j < kBoundLanes; ++j) last[j] = i + j < n ? counts[i + j] : INT32_MAX;
    add(last);
  }
  // Its binary digits, the highest one first.
  uint32_t bound = 0, digit = 1;
  while (digit <= most / 2) digit *= 2;
  for (; digit > 0; digit /= 2) {
    const Counts limit = Counts::set(bound + digit);
    size_t n_below = 0;
    unrolled<kVectors>([&](size_t v) noexcept { n_below += n_set(below(least[v], limit)); });
    if (n_below < rank) bound += digit;
  }
  return bound;
}

}  // namespace bitindex
