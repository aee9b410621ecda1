// How a batch of queries meets the rows, and what is prepared for that once: bit lists or tables.
#pragma once

#include <vector>

#include "codes/aligned.h"
#include "scan/scan.h"
#include "scan/slice_plan.h"

namespace bitindex {

// Slices for so many queries cost as much as counting the rows for each, where none shares its sums
// with others.
constexpr size_t kMinSlicedAlone = 5;

enum class Method {
  kRows,    // count bits row by row
  kSlices,  // count bits of many rows at once, for a few queries together
  kTables,  // add up table entries
};

class QueryPlan {
 public:
  // Slices are shared by groups of `n_together` queries: 1 where any of them may meet.
  QueryPlan(const Scan& scan, const Score& score, size_t first_query, size_t n_queries,
            size_t n_together = SliceGroup::kMaxQueries);

  // So many queries of codes of n_bytes are planned together, because of the memory.
  static size_t most_queries(size_t n_bytes) noexcept;

  const Score& score() const noexcept { return score_; }
  Method method() const noexcept { return method_; }
  // Queries are numbered within the batch here and from `first_query` on in the score.
  size_t number_in_score(size_t q) const noexcept { return first_query_ + q; }
  size_t n_queries() const noexcept { return n_queries_; }

  // What a query needs besides the rows, roughly.
  size_t bytes_per_query() const noexcept;
  const uint8_t* table(size_t q) const noexcept { return tables_.get() + q * table_bytes_; }
  const SliceGroup& slice_group(size_t q) const noexcept {
    return slice_groups_[q / n_together_];
  }

 private:
  const Score& score_;
  size_t first_query_;
  size_t n_queries_;
  size_t n_together_;
  Method method_;
  size_t table_bytes_;
  AlignedBytes tables_;
  std::vector<SliceGroup> slice_groups_;
};

}  // namespace bitindex
