// BitBound: rows in the order of their popcounts, of which a query looks at those near its own.
//
// Two sets of a and b bits have at most min(a, b) in common, so a popcount alone bounds the
// similarity: of Tanimoto t, b lies between t a and a / t. A query by itself looks at folded codes
// first; many share the preparation of rows. What one query reads of a few rows tells which of both
// is cheaper.
// Source: Swamidass, Baldi, "Bounds and algorithms for fast exact searches of chemical fingerprints
// in linear and sublinear time", J. Chem. Inf. Model. 47 (2007).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "codes/row_groups.h"
#include "scan/scan.h"
#include "tables/overlap.h"

namespace bitindex {

struct PopcountOrder {
  const RowGroups& groups;   // one for each popcount
  bool ids_ascend;           // within each of them
  const FoldedCodes* folds;  // of all rows, or null
};

class PopcountScan {
 public:
  // The score of n_queries codes, one after the other, against the rows.
  using MakeScore = std::function<std::unique_ptr<Score>(const uint8_t* codes, size_t n_queries)>;

  // All references outlive this.
  PopcountScan(const Scan& scan, const PopcountOrder& order, const OverlapScore& score,
               size_t n_queries, const MakeScore& make_score);

  CandidateLists nearest(size_t k);
  CandidateLists within(float radius);

 private:
  // Queries, by their place in that order, that share the preparation of rows: those whose rows
  // overlap. The scan sees for itself who needs which of them.
  struct Together {
    size_t first_query, last_query;
    RowRange rows;
    bool some_need_less = true;  // or may, once they have found near rows
  };

  size_t n_queries() const noexcept { return order_.size(); }
  // The query in the middle.
  size_t pilot() const noexcept { return n_queries() / 2; }
  // The ordered rows whose popcount allows a key of at most `limit`.
  RowRange rows_within(size_t place, float limit) const;
  // So many rows of popcounts near that of the query.
  RowRange rows_nearby(size_t place, size_t n) const;
  // What the key of the k-th nearest row is known to be at most.
  float limit_of(size_t place, size_t k) const;
  std::vector<Together> put_together(size_t first_query, const std::vector<RowRange>& ranges) const;
  // Whether folds could tell rows within this limit of the query from others.
  bool folds_tell(size_t place, float limit) const;
  // What the query would read by itself: of the rows within this limit a few tell.
  double bytes_alone(size_t place, float limit);
  // The same for pilot() and the k nearest rows: tighter limits are on the way, so that a large
  // batch tries it.
  template <class LookFor>
  double bytes_alone_of_nearest(LookFor look_for, size_t k);
  // Whether queries had better look one by one where pilot() reads so much by itself; does without
  // folds otherwise.
  bool choose_alone(double bytes_alone);
  // What the query reads of these rows, going by runs of a few.
  double bytes_by_folds(size_t place, float limit, const RowRange& rows);
  // What each of n queries like this one reads together, in the same unit.
  double bytes_of_each_together(size_t place, size_t n) const;
  // Calls look_for(place) for each query as long as that is cheaper than to look together; returns
  // how many are done, the first ones.
  template <class LookFor>
  size_t look_one_by_one(LookFor look_for);
  // Calls use(part, score, n, first_place) to scan a part of the rows for some queries.
  template <class Use>
  void look_at(const Together& queries, Use use);
  template <class Use>
  void look_at(size_t first_query, size_t last_query, Scan part, Use use);
  // Looks at the rows for one query from its popcount outwards, as far as its k-th nearest row
  // asks.
  template <class Use>
  void widen(size_t place, size_t n_nearby, size_t k, Use look);
  template <class Use>
  void look_at_loose_rows(size_t first_query, size_t last_query, Use use);
  void merge(size_t first_place, CandidateLists more, size_t k);
  CandidateLists take();

  const Scan& scan_;
  const RowGroups& groups_;
  bool ids_ascend_;
  std::atomic<size_t> n_bytes_read_{0};  // by queries that look alone
  std::optional<FoldedRows> folded_;
  std::optional<RowFilter> misplaced_;  // loose rows among the ordered ones
  const OverlapScore& score_;
  const MakeScore& make_score_;
  size_t n_bytes_;
  std::vector<size_t> order_;   // queries by popcount
  std::vector<uint8_t> codes_;  // in that order
  std::vector<float> limits_;   // likewise: known besides the lists
  CandidateLists lists_;        // likewise
};

}  // namespace bitindex
