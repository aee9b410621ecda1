// BitBound: rows in the order of their popcounts, of which a query looks at those near its own.
//
// Two sets of a and b bits have at most min(a, b) in common, so a popcount alone bounds the
// similarity: of Tanimoto t, b lies between t a and a / t. Few queries look at folded codes first,
// each by itself; many share the preparation of rows.
// Source: Swamidass, Baldi, "Bounds and algorithms for fast exact searches of chemical fingerprints
// in linear and sublinear time", J. Chem. Inf. Model. 47 (2007).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "codes/row_groups.h"
#include "scan/scan.h"
#include "tables/overlap.h"

namespace bitindex {

class PopcountScan {
 public:
  // The score of n_queries codes, one after the other, against the rows.
  using MakeScore = std::function<std::unique_ptr<Score>(const uint8_t* codes, size_t n_queries)>;

  // Whether so few queries are quicker one by one, by the folds of the codes.
  static bool suits_folds(size_t n_queries) noexcept;

  // `groups` has a group for each popcount; `scan` has folds or none. All references outlive this.
  PopcountScan(const Scan& scan, const RowGroups& groups, const OverlapScore& score,
               size_t n_queries, const MakeScore& make_score);

  CandidateLists nearest(size_t k);
  CandidateLists within(float radius);

 private:
  // Queries, by their place in that order, that share the preparation of rows: those whose rows
  // overlap. The scan sees for itself who needs which of them.
  struct Together {
    size_t first_query, last_query;
    RowRange rows;
  };

  size_t n_queries() const noexcept { return order_.size(); }
  bool one_by_one() const noexcept { return scan_.folds != nullptr; }
  // The ordered rows whose popcount allows a key of at most `limit`.
  RowRange rows_within(size_t place, float limit) const;
  // So many rows of popcounts near that of the query.
  RowRange rows_nearby(size_t place, size_t n) const;
  // The key that the k-th nearest row found has.
  float limit_of(size_t place, size_t k) const;
  std::vector<Together> put_together(const std::vector<RowRange>& ranges) const;
  // Calls task(i) for all i < n. Threads share the rows of each or, where queries go one by one and
  // are many enough, the tasks.
  template <class Task>
  void run(size_t n, Task task);
  // Calls use(part, score, n, first_place) to scan a range of rows, or chosen ones of all, for some
  // queries.
  template <class Use>
  void look_at(const Together& queries, Use use);
  // The same for all queries and a range of rows for each.
  template <class Use>
  void look_at_ranges(const std::vector<RowRange>& ranges, Use use);
  // Looks at the rows for one query from its popcount outwards, as far as its k-th nearest row
  // asks.
  template <class Use>
  void widen(size_t place, size_t n_nearby, size_t k, Use look);
  template <class Use>
  void look_at_loose_rows(Use use);
  void merge(size_t first_place, CandidateLists more, size_t k);
  CandidateLists take();

  const Scan& scan_;
  const RowGroups& groups_;
  const OverlapScore& score_;
  const MakeScore& make_score_;
  size_t n_bytes_;
  std::vector<size_t> order_;   // queries by popcount
  std::vector<uint8_t> codes_;  // in that order
  CandidateLists lists_;        // likewise
};

}  // namespace bitindex
