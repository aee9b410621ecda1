#include "scan/query_plan.h"

#include <algorithm>

#include "scan/bit_tally.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

// Slicing rows costs as much as counting them for seven queries, and for more where rows are short
// (docs/decisions/scan.md).
constexpr size_t kMinSlicedQueries = 7;
constexpr size_t kMinSlicedBytes = 224;  // of all queries together
constexpr size_t kMinTableQueries = 3;
constexpr size_t kQueriesPerTask = 64;
constexpr size_t kBatchTableBytes = size_t{16} << 20;

// Slices for queries that plan each for itself save at most a sixth on AVX2, and nothing on AVX-512
// (docs/decisions/ivf.md).
Method choose_method(const Score& score, size_t n_queries, size_t n_bytes, bool look_together) {
  if (score.bit_counts() == nullptr) return Method::kTables;
  if (!look_together) return Method::kRows;
  if (!score.bounds_sums()) return n_queries < kMinTableQueries ? Method::kRows : Method::kTables;
  return n_queries < QueryPlan::min_sliced(n_bytes) ? Method::kRows : Method::kSlices;
}

}  // namespace

QueryPlan::QueryPlan(const Scan& scan, const Score& score, size_t first_query, size_t n_queries,
                     bool look_together)
    : score_(score),
      first_query_(first_query),
      n_queries_(n_queries),
      method_(choose_method(score, n_queries, scan.store.column(0).width(), look_together)),
      ranks_by_bits_(method_ != Method::kTables &&
                     ranks_by_tally(score, scan.store.column(0).width())),
      table_bytes_(32 * scan.store.column(0).width()) {
  if (method_ == Method::kRows) return;
  constexpr size_t kGroup = SliceGroup::kMaxQueries;
  if (method_ == Method::kTables)
    tables_ = make_aligned(n_queries * table_bytes_);
  else
    slice_groups_.resize((n_queries + kGroup - 1) / kGroup);
  run_tasks((n_queries + kQueriesPerTask - 1) / kQueriesPerTask, scan.n_threads, scan.cancel,
            [&](size_t task) {
              const size_t last = std::min(n_queries, (task + 1) * kQueriesPerTask);
              for (size_t q = task * kQueriesPerTask; q < last; ++q)
                if (method_ == Method::kTables)
                  score.write_table(first_query + q, tables_.get() + q * table_bytes_);
                else if (q % kGroup == 0)
                  slice_groups_[q / kGroup] =
                      SliceGroup(scan.kernels, *score.bit_counts(), first_query + q,
                                 std::min(kGroup, n_queries - q));
            });
}

size_t QueryPlan::min_sliced(size_t n_bytes) noexcept {
  return std::max(kMinSlicedQueries, kMinSlicedBytes / n_bytes);
}

size_t QueryPlan::most_queries(size_t n_bytes) noexcept {
  constexpr size_t kGroup = SliceGroup::kMaxQueries;
  return std::max<size_t>(1, kBatchTableBytes / (32 * n_bytes) / kGroup) * kGroup;
}

size_t QueryPlan::bytes_per_query() const noexcept {
  if (method_ != Method::kSlices) return table_bytes_;
  // Queries of few bits are short programs, so that many of them share what is prepared of rows.
  size_t n_bytes = 0;
  for (const SliceGroup& group : slice_groups_) n_bytes += group.program_bytes();
  return n_bytes / n_queries_ + 1;
}

}  // namespace bitindex
