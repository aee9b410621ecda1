#include "index/mih_cost.h"

#include "scan/query_plan.h"

namespace bitindex {
namespace {

// Measured: 1 and 10 million codes of 64 to 512 bits, one thread (docs/decisions/mih.md).
constexpr double kQuery = 1000.0;
constexpr double kByteOfSubstrings = 5.0;
constexpr double kProbe = 25.0;
constexpr double kRowOfBucket = 14.0;
// A scan for few queries counts the codes once for each.
constexpr double kByteAlone = 0.023;
// One for more transposes them for all, and then counts.
constexpr double kRowTransposed = 1.5, kByteTransposed = 0.09;
constexpr double kRowCounted = 0.06, kByteCounted = 0.0045;
constexpr double kByteGathered = 0.2;

// Of what a scan costs: what a query may spend to find out how far it has to look, and what is
// worth probing instead.
constexpr double kShareToTry = 0.07;
constexpr double kShareToFinish = 0.7;

}  // namespace

ProbeCounts::ProbeCounts(const SubstringShape& shape) {
  double sum = 0.0, combinations = 1.0;
  for (size_t flips = 0; flips <= shape.n_bits; ++flips) {
    with_flips_.push_back(combinations);
    for (size_t j = 0; j < shape.n_substrings; ++j) within_.push_back(sum += combinations);
    combinations *= static_cast<double>(shape.n_bits - flips) / static_cast<double>(flips + 1);
  }
}

double scan_cost(const Scan& scan, size_t n_queries) {
  const auto n_bytes = static_cast<double>(scan.store.column(0).width());
  const auto n_rows = static_cast<double>(scan.store.n_rows());
  const auto n_allowed = static_cast<double>(scan.filter.n_allowed());
  const auto n = static_cast<double>(n_queries);
  double cost;
  if (n_queries < QueryPlan::min_sliced(scan.store.column(0).width())) {
    cost = std::min(n_rows * kByteAlone, n_allowed * kByteGathered) * n_bytes;
  } else {
    const double once = kRowTransposed + kByteTransposed * n_bytes;
    cost = n_allowed * (once / n + kRowCounted + kByteCounted * n_bytes);
  }
  // Its threads share the rows of a single query; those that probe share queries only.
  return cost * std::min(1.0, n / static_cast<double>(scan.n_threads));
}

ProbeBudget::ProbeBudget(double scan_cost, const MihTables& tables, bool may_try)
    : scan_cost_(scan_cost),
      query_cost_(kQuery + kByteOfSubstrings * static_cast<double>(tables.n_bytes_read())),
      rows_per_probe_(tables.rows_in_own_bucket()),
      share_(may_try ? kShareToTry * scan_cost : 0.0) {}

double ProbeBudget::cost(double n_probes, double n_rows) const noexcept {
  return query_cost_ + n_probes * kProbe + n_rows * kRowOfBucket;
}

bool ProbeBudget::begin_round(double n_probes, double n_left) noexcept {
  // Buckets far from the query are emptier than its own, where there are many near rows.
  constexpr double kEnoughToJudge = 64.0;
  const double rows_per_probe =
      n_probes_ < kEnoughToJudge ? rows_per_probe_ : std::max(rows_per_probe_, n_rows_ / n_probes_);
  const auto with = [&](double n) { return cost(n_probes_ + n, n_rows_ + n * rows_per_probe); };
  if (with(n_left) <= kShareToFinish * scan_cost_)
    limit_ = scan_cost_;
  else if (with(n_probes) <= share_)
    limit_ = share_;
  else
    return false;
  return true;
}

}  // namespace bitindex
