#include "index/popcount_cost.h"

#include <algorithm>
#include <atomic>

#include "scan/fold_filter.h"
#include "scan/query_plan.h"

namespace bitindex {
namespace {

// Measured: 128 to 2,048 bits, .02 to .5 of them set (docs/decisions/bitbound.md).
constexpr double kPreparation = 6.0;  // times a row
// Of what a row costs without preparation, this share is for the memory, which queries share.
constexpr double kMemory = 0.3;
constexpr double kSlicesOfRow = 3.0, kSlice = 1.0 / 32;
// A share of the rows tells what folds spare, in a few runs.
constexpr size_t kTrialShare = 128;
constexpr size_t kTrialRuns = 8, kTrialRunRows = 256;

}  // namespace

double bytes_together(size_t n_queries, size_t n_rows, size_t n_bytes, size_t query_size) noexcept {
  const auto n = static_cast<double>(n_queries);
  const auto row = static_cast<double>(n_bytes);
  const double of_row =
      n_queries < QueryPlan::min_sliced(n_bytes)
          ? row * (1.0 - kMemory + kMemory / n)
          : kPreparation * row / n + kSlicesOfRow + kSlice * static_cast<double>(query_size);
  return of_row * static_cast<double>(n_rows);
}

double bytes_by_folds(const Scan& scan, const FoldedRows& folded, const RowsBySize& by_size,
                      const OverlapScore& score, size_t q, float limit, const RowRange& rows) {
  const size_t n_runs =
      std::clamp<size_t>(rows.size() / kTrialShare / kTrialRunRows, 1, kTrialRuns);
  const size_t n_run =
      std::min(rows.size(), std::max(kTrialRunRows, rows.size() / kTrialShare / n_runs));
  const size_t n_bytes = score.bit_counts()->n_bytes;
  std::atomic<size_t> n_read{0};
  const FoldedRows trial = {folded.codes, n_read};
  FoldFilter filter(scan.kernels, trial, score.bit_counts()->query(q), n_bytes, n_run);
  for (size_t run = 0; run < n_runs; ++run) {
    const size_t first = rows.first + (rows.size() - n_run) * (2 * run + 1) / (2 * n_runs);
    const SizeRange sizes = by_size.sizes(first, first + n_run);
    filter.add_codes(filter.select(first, n_run, score.most_different(q, limit, sizes)), n_run);
  }
  return static_cast<double>(n_read) * static_cast<double>(rows.size()) /
         static_cast<double>(n_runs * n_run);
}

}  // namespace bitindex
