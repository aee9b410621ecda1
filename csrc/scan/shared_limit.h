// What the threads that scan for one query tell each other: how near the k-th nearest row of any
// range of rows is. No row farther away can be among the k nearest of all.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>

#include "scan/candidate.h"

namespace bitindex {

class SharedLimit {
 public:
  // For a key that no range vouches for.
  static constexpr uint32_t kNoRange = 0xffffffffu;

  // k rows of this range have keys of at most `key`.
  void publish(float key, uint32_t range) noexcept {
    const uint64_t mine = uint64_t{ordered_bits(key)} << 32 | range;
    uint64_t known = nearest_.load(std::memory_order_relaxed);
    while (mine < known &&
           !nearest_.compare_exchange_weak(known, mine, std::memory_order_relaxed)) {
    }
  }

  // The largest key that a row may have, infinity where nothing is known.
  float key() const noexcept { return limit(kNoRange, false); }
  // The largest key that a row of this range may have. Where smaller rows win ties, a row behind
  // k others with the same key is too late.
  float limit(uint32_t range, bool ties_by_row) const noexcept {
    const uint64_t known = nearest_.load(std::memory_order_relaxed);
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    if (known == kNothing) return kInfinity;
    const float key = from_ordered_bits(static_cast<uint32_t>(known >> 32));
    const bool too_late = ties_by_row && static_cast<uint32_t>(known) < range;
    return too_late ? std::nextafter(key, -kInfinity) : key;
  }

 private:
  static constexpr uint64_t kNothing = ~uint64_t{0};
  std::atomic<uint64_t> nearest_{kNothing};
};

}  // namespace bitindex
