// How a batch of queries meets the rows, and what is prepared for that once: bit lists or tables.
#pragma once

#include <vector>

#include "codes/aligned.h"
#include "scan/scan.h"
#include "scan/slice_plan.h"

namespace bitindex {

enum class Method {
  kRows,    // count bits row by row
  kSlices,  // count bits of many rows at once, for a few queries together
  kTables,  // add up table entries
};

class QueryPlan {
 public:
  // `look_together`: all queries look at the same rows, so that they can share slices of these.
  QueryPlan(const Scan& scan, const Score& score, size_t first_query, size_t n_queries,
            bool look_together = true);

  // So few queries of codes of n_bytes count bits row by row, and from there on by slices.
  static size_t min_sliced(size_t n_bytes) noexcept;
  // So many queries of codes of n_bytes are planned together, because of the memory.
  static size_t most_queries(size_t n_bytes) noexcept;

  const Score& score() const noexcept { return score_; }
  Method method() const noexcept { return method_; }
  // Whether numbers of bits are counted, and tell by themselves which rows are nearer.
  bool ranks_by_bits() const noexcept { return ranks_by_bits_; }
  // Queries are numbered within the batch here and from `first_query` on in the score.
  size_t number_in_score(size_t q) const noexcept { return first_query_ + q; }
  size_t n_queries() const noexcept { return n_queries_; }

  // What a query needs besides the rows, roughly.
  size_t bytes_per_query() const noexcept;
  const uint8_t* table(size_t q) const noexcept { return tables_.get() + q * table_bytes_; }
  const SliceGroup& slice_group(size_t q) const noexcept {
    return slice_groups_[q / SliceGroup::kMaxQueries];
  }

 private:
  const Score& score_;
  size_t first_query_;
  size_t n_queries_;
  Method method_;
  bool ranks_by_bits_;
  size_t table_bytes_;
  AlignedBytes tables_;
  std::vector<SliceGroup> slice_groups_;
};

}  // namespace bitindex
