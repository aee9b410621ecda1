// Random numbers that depend on nothing but their seed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace bitindex {

// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
constexpr uint64_t kRandomStep = 0x9e3779b97f4a7c15u;

// A number that looks random, made from another.
inline uint64_t mixed(uint64_t x) noexcept {
  x += kRandomStep;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

inline uint64_t next_random(uint64_t& state) noexcept {
  const uint64_t x = mixed(state);
  state += kRandomStep;
  return x;
}

// From 0 up to 1.
inline double next_fraction(uint64_t& state) noexcept {
  return static_cast<double>(next_random(state) >> 11) * 0x1p-53;
}

// Keeps n of the rows, or all where there are fewer, and puts them in random order.
inline void keep_at_random(std::vector<uint32_t>& rows, size_t n, uint64_t seed) {
  n = std::min(n, rows.size());
  for (size_t i = 0; i < n; ++i)
    std::swap(rows[i], rows[i + next_random(seed) % (rows.size() - i)]);
  rows.resize(n);
}

}  // namespace bitindex
