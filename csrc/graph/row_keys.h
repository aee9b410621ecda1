// Keys of rows that are named one by one, as a graph names them, for one query at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/aligned.h"
#include "codes/prefetch.h"
#include "codes/row_store.h"
#include "scan/candidate.h"
#include "tables/score.h"

namespace bitindex {

class RowKeys {
 public:
  RowKeys(const KernelTable& kernels, const RowStore& store, const Score& score);

  const RowStore& store() const noexcept { return store_; }
  void set_query(size_t q);

  // Appends a candidate for each of n rows whose key is at most `limit`; candidate i is numbered
  // numbers[i]. A few with larger keys may be among them.
  void within(const uint32_t* rows, const uint32_t* numbers, size_t n, float limit,
              std::vector<Candidate>& candidates);
  float key(uint32_t row);

  void prefetch(uint32_t row) const noexcept { prefetch_bytes(codes_.row(row), n_prefetched_); }

 private:
  static constexpr size_t kTogether = 64;

  // The sums of at most kTogether rows; for tables, those that cannot reach `bound` may be left as
  // they are, below it.
  void sum(const uint32_t* rows, size_t n, int32_t bound);

  const KernelTable& kernels_;
  const RowStore& store_;
  const Column& codes_;
  const Score& score_;
  const BitCounts* bits_;
  size_t query_ = 0;
  size_t n_prefetched_;
  AlignedBytes table_;     // of the query, where sums are not numbers of bits
  AlignedBytes gathered_;  // codes, next to each other
  AlignedBytes blocks_;
  std::vector<uint32_t> sums_;
  std::vector<uint8_t> passed_;
};

}  // namespace bitindex
