// Whether to try again what may save time: after an attempt in vain not for a while, after another
// one for twice as long.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace bitindex {

// Threads may ask and tell at once; then some of what they say is lost.
class Patience {
 public:
  // Whether this time is one to try.
  bool tries() noexcept {
    const uint32_t n = n_left_out_.load(std::memory_order_relaxed);
    if (n > 0) n_left_out_.store(n - 1, std::memory_order_relaxed);
    return n == 0;
  }
  void tell(bool paid) noexcept {
    const uint32_t n = next_.load(std::memory_order_relaxed);
    if (!paid) n_left_out_.store(n, std::memory_order_relaxed);
    next_.store(paid ? 1 : std::min(2 * n, kMost), std::memory_order_relaxed);
  }

 private:
  static constexpr uint32_t kMost = 64;
  std::atomic<uint32_t> n_left_out_{0};
  std::atomic<uint32_t> next_{1};
};

// One for each kind of search: what pays for the nearest row need not pay for the nearest hundred,
// nor what pays for one query for many.
class PatienceOfSearches {
 public:
  Patience& nearest(size_t n_queries, size_t k) noexcept {
    return of_kind(nearest_, n_queries, static_cast<size_t>(std::ilogb(static_cast<double>(k))));
  }
  Patience& within(size_t n_queries, float radius) noexcept {
    const float share = std::clamp(radius, 0.0f, 1.0f) * static_cast<float>(kSizes - 1);
    return of_kind(within_, n_queries, static_cast<size_t>(share));
  }

 private:
  static constexpr size_t kSizes = 8;
  using Kinds = std::array<std::array<Patience, kSizes>, 3>;

  static Patience& of_kind(Kinds& kinds, size_t n_queries, size_t size) noexcept {
    constexpr size_t kFewQueries = 8;
    const size_t batch = n_queries == 1 ? 0 : n_queries < kFewQueries ? 1 : 2;
    return kinds[batch][std::min(size, kSizes - 1)];
  }

  Kinds nearest_;
  Kinds within_;
};

}  // namespace bitindex
