// A row that a query has found: its key and number in one integer, which orders candidates.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

namespace bitindex {

// Less than all ids.
constexpr int64_t kAnyId = std::numeric_limits<int64_t>::min();

// Floats as integers in the same order; 0 and -0 are the same.
inline uint32_t ordered_bits(float x) noexcept {
  constexpr uint32_t kSign = 0x80000000u;
  x += 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

inline float from_ordered_bits(uint32_t bits) noexcept {
  constexpr uint32_t kSign = 0x80000000u;
  bits = (bits & kSign) != 0 ? bits & ~kSign : ~bits;
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

class Candidate {
 public:
  Candidate() = default;
  Candidate(float key, uint32_t row) noexcept
      : order_(static_cast<uint64_t>(ordered_bits(key)) << 32 | row) {}

  float key() const noexcept { return from_ordered_bits(static_cast<uint32_t>(order_ >> 32)); }
  uint32_t row() const noexcept { return static_cast<uint32_t>(order_); }
  // Smaller keys first, ties by smaller row.
  bool operator<(const Candidate& other) const noexcept { return order_ < other.order_; }
  bool same_key(const Candidate& other) const noexcept {
    return order_ >> 32 == other.order_ >> 32;
  }

 private:
  uint64_t order_;
};

}  // namespace bitindex
