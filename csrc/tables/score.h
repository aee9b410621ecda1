// What "near" means: a batch of queries as tables for the scan, and the exact key of a sum.
//
// A key is a float, smaller is nearer: a distance, or minus a similarity. A new score derives from
// this class in a file of its own and gets one line in metric.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"

namespace bitindex {

class Score {
 public:
  virtual ~Score() = default;

  // The 32 * n_bytes table entries of query q (see KernelTable::table_sums), and the largest sum of
  // two entries of one byte position over all queries.
  virtual void write_table(size_t q, uint8_t* table) const = 0;
  virtual uint32_t max_pair() const = 0;

  // The same sums straight from rows, without a table. Returns false where that would not be
  // faster.
  virtual bool row_sums(const KernelTable& kernels, size_t q, const uint8_t* rows, size_t n_rows,
                        uint32_t* sums) const {
    (void)kernels, (void)q, (void)rows, (void)n_rows, (void)sums;
    return false;
  }

  // The numbers stored beside each row that the key depends on, or null.
  virtual const float* scales() const { return nullptr; }
  virtual const float* offsets() const { return nullptr; }

  // A test that every row with key(q, ...) <= limit passes, and few others. Its pointers are unset.
  virtual RowTest row_test(size_t q, float limit) const = 0;
  // The exact key of a row with this sum.
  virtual float key(size_t q, uint32_t sum, size_t row) const = 0;
};

}  // namespace bitindex
