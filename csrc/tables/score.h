// What "near" means: a batch of queries as tables for the scan, and the exact key of a sum.
//
// A key is a float, smaller is nearer: a distance, or minus a similarity. A new score derives from
// this class in a file of its own and gets one line in metric.cpp.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/kernel_table.h"

namespace bitindex {

// Sums that are numbers of bits: popcount(query and row), or popcount(query xor row).
struct BitCounts {
  const uint8_t* queries;
  size_t n_bytes;
  bool common;

  const uint8_t* query(size_t q) const noexcept { return queries + q * n_bytes; }
};

// More bits than any code has.
constexpr int32_t kAnyNumberOfBits = 1 << 20;

// The whole numbers of bits up to x.
inline int32_t whole_bits(float x) {
  if (x < 0.0f) return -1;
  return x < static_cast<float>(kAnyNumberOfBits) ? static_cast<int32_t>(x) : kAnyNumberOfBits;
}

// No x is larger for which x - part, rounded to a float, is at most `limit`. Rounded up twice, for
// that subtraction and for the sum here; a few numbers too many are within it.
inline float limit_before(float part, float limit) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const double sum = static_cast<double>(std::nextafter(limit, kInfinity)) + part;
  return std::nextafter(static_cast<float>(sum), kInfinity);
}

// Of numbers of set bits, the last included.
struct SizeRange {
  size_t least = 0;
  size_t most = std::numeric_limits<size_t>::max();
};

class Score {
 public:
  virtual ~Score() = default;

  // Where the sum of a row is a number of bits: which. Null where it is a sum of table entries.
  virtual const BitCounts* bit_counts() const { return nullptr; }
  // For a number of bits that differ, the largest that a row with key(q, ...) <= limit can have;
  // for one of common bits, and for a sum of table entries, the smallest, if no offset of a row is
  // below least_offset.
  virtual int32_t sum_bound(size_t q, float limit, float least_offset) const {
    (void)q, (void)limit, (void)least_offset;
    return kAnyNumberOfBits;
  }

  // Whether that says anything, so that most rows are told apart by their sum alone.
  virtual bool bounds_sums() const { return bit_counts() != nullptr; }

  // The 32 * n_bytes table entries of query q (see KernelTable::table_sums), and the largest sums
  // of entries over all queries. Needed where sums are not bounded by numbers of bits.
  virtual void write_table(size_t q, uint8_t* table) const { (void)q, (void)table; }
  virtual LargestSums largest_sums() const { return {0, 0}; }

  // The numbers stored beside each row that the key depends on, or null.
  virtual const float* scales() const { return nullptr; }
  virtual const float* offsets() const { return nullptr; }

  // No row with so many set bits has a smaller key.
  virtual float least_key(size_t q, SizeRange sizes) const {
    (void)q, (void)sizes;
    return -std::numeric_limits<float>::infinity();
  }
  // Only rows with so many set bits can have key(q, ...) <= limit.
  virtual SizeRange sizes_within(size_t q, float limit) const {
    (void)q, (void)limit;
    return {};
  }
  // In no more bits can rows with so many set bits differ from the query and have key(q, ...) <=
  // limit.
  virtual int32_t most_different(size_t q, float limit, SizeRange sizes) const {
    (void)q, (void)limit, (void)sizes;
    return kAnyNumberOfBits;
  }

  // A test that every row with key(q, ...) <= limit passes, and few others. Its pointers are unset.
  virtual RowTest row_test(size_t q, float limit) const = 0;
  // The exact key of a row with this sum.
  virtual float key(size_t q, uint32_t sum, size_t row) const = 0;
};

}  // namespace bitindex
