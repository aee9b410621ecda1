#include "index/popcount_cost.h"

#include "scan/query_plan.h"

namespace bitindex {
namespace {

// Measured: 128 to 2,048 bits, .02 to .5 of them set (docs/decisions/bitbound.md).
constexpr double kPreparation = 6.0;  // times a row
// Of what a row costs without preparation, this share is for the memory, which queries share.
constexpr double kMemory = 0.3;
constexpr double kSlicesOfRow = 3.0, kSlice = 1.0 / 32;

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

}  // namespace bitindex
