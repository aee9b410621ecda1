// What probing costs beside a scan, and when a query should rather be scanned.
//
// A query of the k nearest does not know how far it has to look. It starts with a small share of
// what its scan costs; after that it goes on only where the k rows that it has found bound what is
// left, and that is cheaper than the scan (docs/decisions/mih.md).
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "index/mih_tables.h"
#include "scan/scan.h"

namespace bitindex {

// How many buckets a search looks up.
class ProbeCounts {
 public:
  explicit ProbeCounts(const SubstringShape& shape);

  // In one substring, with so many bits flipped.
  double with_flips(size_t n_flips) const noexcept { return with_flips_[n_flips]; }
  // Until every row within this distance has been found.
  double within(size_t distance) const noexcept {
    return within_[std::min(distance, within_.size() - 1)];
  }

 private:
  std::vector<double> with_flips_;
  std::vector<double> within_;
};

// What the scan would cost for each query of a batch, in nanoseconds of a thread.
double scan_cost(const Scan& scan, size_t n_queries);

// The account of one query.
class ProbeBudget {
 public:
  // With an infinite scan_cost nothing is ever too much. A search for all rows within a radius
  // knows what it will cost, and is not given a share to find out.
  ProbeBudget(double scan_cost, const MihTables& tables, bool may_try);

  // Whether to look up n_probes buckets now, where n_left is an upper bound of how many follow
  // until the search ends, these included.
  bool begin_round(double n_probes, double n_left) noexcept;
  // A bucket of n_rows rows was looked up. Returns false where that was too much.
  bool spend(size_t n_rows) noexcept {
    n_probes_ += 1.0;
    n_rows_ += static_cast<double>(n_rows);
    return cost(n_probes_, n_rows_) <= limit_;
  }

 private:
  double cost(double n_probes, double n_rows) const noexcept;

  double scan_cost_;
  double query_cost_;
  double rows_per_probe_;  // expected
  double share_;
  double limit_ = 0.0;
  double n_probes_ = 0.0;
  double n_rows_ = 0.0;
};

}  // namespace bitindex
