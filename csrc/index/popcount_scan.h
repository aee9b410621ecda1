// BitBound: rows in the order of their popcounts, of which a query looks at those near its own.
//
// Two sets of a and b bits have at most min(a, b) in common, so a popcount alone bounds the
// similarity: of Tanimoto t, b lies between t a and a / t. A query by itself looks at folded codes
// first; many share the preparation of rows. What one query reads of a few rows tells which of both
// is cheaper. Where neither spares anything this is a plain scan.
// Source: Swamidass, Baldi, "Bounds and algorithms for fast exact searches of chemical fingerprints
// in linear and sublinear time", J. Chem. Inf. Model. 47 (2007).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "index/patience.h"
#include "scan/scan.h"
#include "tables/overlap.h"

namespace bitindex {

class PopcountScan {
 public:
  // The score of n_queries codes, one after the other, against the rows.
  using MakeScore = std::function<std::unique_ptr<Score>(const uint8_t* codes, size_t n_queries)>;

  // Whether a plain scan is done sooner than this is set up.
  static bool is_too_small(const Scan& scan, size_t n_queries) noexcept;
  // Whether rows are so many that a query may find its own sooner than all look together.
  static bool has_many_rows(const Scan& scan) noexcept;

  // All references outlive this. `folds`: of all rows, or null. `patience` is that of searches like
  // this one: whether to try if queries had better look one by one.
  PopcountScan(const Scan& scan, const RowsBySize& rows, const FoldedCodes* folds,
               const OverlapScore& score, size_t n_queries, const MakeScore& make_score,
               Patience& patience);

  CandidateLists nearest(size_t k);
  CandidateLists within(float radius);

 private:
  // Some queries, in the order of their popcounts, from place `first` on.
  struct Queries {
    size_t first;
    size_t n;
    const Score& score;
  };

  size_t n_queries() const noexcept { return order_.size(); }
  // The query in the middle.
  size_t pilot() const noexcept { return n_queries() / 2; }
  // Calls use(queries) for those in [first, last).
  void with_queries(size_t first, size_t last,
                    const std::function<void(const Queries&)>& use) const;

  // The ordered rows whose popcount allows a key of at most `limit`.
  RowRange rows_within(size_t place, float limit) const;
  // Those of any query from `first` on.
  RowRange rows_within_any(size_t first, float limit) const;
  RowRange rows_of_same_size(size_t place) const;
  // What the key of the k-th nearest row is known to be at most.
  float limit_of(size_t place, size_t k) const;

  // Looks at a part of the rows.
  void find_nearest(const Queries& queries, const Scan& part, size_t k);
  void find_within(const Queries& queries, const Scan& part, float radius);
  // Some of the ordered rows; `plainly`: all of them for each query.
  Scan ordered_part(const Queries& queries, const RowRange& rows, bool plainly = false);
  // Calls look(part) for the other rows.
  void for_loose_parts(const std::function<void(const Scan&)>& look) const;
  void merge(size_t first, CandidateLists more, size_t k);
  CandidateLists take();

  // In popcount_alone.cpp: queries look one by one as long as that is cheaper than to look
  // together. These return how many have done so, the first ones.
  size_t nearest_alone(size_t k);
  size_t within_alone(float radius);
  // Calls look_for(query) for each, which costs bytes_of_each besides what it reads.
  size_t look_one_by_one(double bytes_of_each, const std::function<void(const Queries&)>& look_for);
  // Whether it is time to try if queries had better look one by one; does without folds otherwise.
  bool tries_alone();
  // Whether they had, where pilot() reads so much by itself; does without folds otherwise.
  bool choose_alone(double bytes_alone);
  // What each of n queries like this one reads together, in the same unit.
  double bytes_of_each_together(size_t place, size_t n) const;
  // Whether folds could tell rows within this limit of the query from others.
  bool folds_tell(size_t place, float limit) const;
  // What the query would read by itself: of the rows within this limit a few tell.
  double bytes_alone(size_t place, float limit);
  // The same for the k nearest rows of pilot(), which looks nearby: tighter limits are on the way,
  // so that a large batch tries it.
  double bytes_alone_of_nearest(size_t k);
  // So many rows of popcounts near that of the query.
  RowRange rows_nearby(size_t place, size_t n) const;
  // Looks for the k nearest rows of one query in 1 / share of all, where they are likely; then from
  // there outwards, as far as its k-th nearest row asks.
  void look_nearby(const Queries& query, size_t k, size_t share);
  void look_outwards(const Queries& query, size_t k);

  const Scan& scan_;
  const RowsBySize& rows_;
  std::atomic<size_t> n_bytes_read_{0};  // by queries that look alone
  std::optional<FoldedRows> folded_;
  std::optional<RowFilter> misplaced_;  // loose rows among the ordered ones
  const OverlapScore& score_;
  const MakeScore& make_score_;
  Patience& patience_;
  size_t n_bytes_;
  std::vector<size_t> order_;   // queries by popcount
  std::vector<uint8_t> codes_;  // in that order, of several
  std::vector<float> limits_;   // in that order: known besides the lists
  std::vector<RowRange> seen_;  // likewise: ordered rows that have been looked at for the list
  CandidateLists lists_;        // likewise
};

}  // namespace bitindex
