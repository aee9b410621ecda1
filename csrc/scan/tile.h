// The inner loops of the scan: a tile of rows, small enough for the first-level cache, against the
// queries of a group.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <type_traits>
#include <vector>

#include "codes/aligned.h"
#include "codes/prefetch.h"
#include "scan/bit_tally.h"
#include "scan/fold_filter.h"
#include "scan/query_plan.h"
#include "scan/word_blocks.h"

namespace bitindex {

// Rows that are looked at before a query has a limit.
constexpr size_t kRowsWithoutLimit = 64;

// Some rows, next to each other in memory, with what is stored beside them.
class Tile {
 public:
  Tile(const Scan& scan, const QueryPlan& plan);

  // So many rows it takes at most.
  size_t capacity() const noexcept { return capacity_; }

  // Takes the next allowed rows of [first, last) and moves `first` behind them. Returns false when
  // there are none left.
  bool load(size_t& first, size_t last);
  // Takes the next allowed ones of the rows from `next` on and moves `next` behind them.
  bool load_listed(const uint32_t*& next, const uint32_t* end);

  // Looks at the loaded rows for queries [first_query, last_query) of the batch; collectors[i]
  // belongs to query first_query + i. first_query is the first of a slice group.
  template <class Collector>
  void collect(size_t first_query, size_t last_query, std::vector<Collector>& collectors);
  // Looks at the loaded rows for some queries that do not look together: collectors[i] belongs to
  // query queries[i] of the batch. Meanwhile it asks for what will be read next.
  template <class Collector>
  void collect_each(const uint32_t* queries, size_t n_queries, Collector* collectors,
                    const Upcoming& upcoming) {
    if (!is_prepared_) prepare();
    if (has_tally_ && n_queries >= kMinSharing) words_.take(codes_, n_);
    for (size_t i = 0; i < n_queries; ++i) {
      upcoming.prefetch(i, n_queries);
      collect_sums(queries[i], collectors[i]);
    }
  }

 private:
  // Arranging words takes as long as it spares so many queries.
  static constexpr size_t kMinSharing = 5;

  void make_room_to_gather();
  void gather(const uint32_t* rows);
  // Notes what the loaded rows have in common.
  void begin_rows();
  // Makes the blocks of the loaded rows, which no query may need.
  void prepare();
  // No loaded row has a smaller id; where ids ascend within sizes.
  int64_t first_id();
  template <class Collector>
  float limit_of(Collector& collector);
  // The sums of the loaded rows for one query, at least those of rows that may be within the limit.
  void sum_rows(size_t q, float limit);
  // Moves `first` to the next rows that have sums; returns how many there are together, 0 at the
  // end.
  size_t next_passed(size_t& first) const;
  void count_bits(size_t query, const uint8_t* codes, size_t n, uint32_t* counts) const;
  // A key that the `wanted` nearest loaded rows keep to, where their sums tell one at once, or
  // infinity.
  float limit_of_sums(size_t query, size_t wanted);
  // Writes to positions_[0] which of n rows, counted from the `first` loaded one, are within the
  // limit by their sums, and perhaps a few more; returns how many.
  size_t select(size_t query, float limit, size_t first, size_t n);
  // The sums of the rows at n positions.
  void sum_listed_rows(size_t query, const uint32_t* positions, size_t n);
  template <class Collector>
  void collect_listed(size_t query, const uint32_t* positions, size_t n, Collector& collector);
  // Looks at the rows that folds leave; returns false, and has looked at none, where these are all.
  template <class Collector>
  bool collect_by_folds(size_t q, Collector& collector);
  template <class Collector>
  void collect_sums(size_t q, Collector& collector);
  template <class Collector>
  void collect_slices(size_t first_query, Collector* collectors);
  // Whether to count slices for the group of this query.
  template <class Collector>
  bool counts_slices(size_t n_queries, Collector* collectors) const;
  // Whether the size of one of the loaded rows lets it be near enough.
  template <class Collector>
  bool any_reaches(size_t first_query, size_t n_queries, Collector* collectors);
  // At least one of so many rows in a row is allowed, or they are gathered.
  size_t min_allowed_share() const noexcept;
  // Whether a row of a tile that was not gathered may be returned.
  bool allows(size_t row) const {
    return is_listed_ || scan_.filter.allows_all() || scan_.filter.allows(row);
  }
  uint32_t row_at(size_t position) const {
    return static_cast<uint32_t>(is_listed_ ? listed_[position] : first_row_ + position);
  }

  const Scan& scan_;
  const QueryPlan& plan_;
  const Score& score_;
  size_t n_bytes_;
  size_t block_rows_;  // of the method's blocks
  size_t capacity_;    // rows
  size_t min_sliced_rows_;
  size_t n_ = 0;
  size_t first_row_ = 0;          // of contiguous rows
  std::vector<uint32_t> listed_;  // of rows that a filter picked
  bool is_listed_ = false;
  const uint8_t* codes_ = nullptr;
  const float* scales_ = nullptr;
  const float* offsets_ = nullptr;
  float least_offset_ = 0.0f;
  bool is_prepared_ = false;
  SizeRange sizes_;            // where rows stand in the order of their sizes
  int64_t first_id_ = kAnyId;  // or not known yet
  std::optional<FoldFilter> folds_;
  std::vector<uint8_t> gathered_codes_;
  std::vector<uint8_t> passing_codes_;
  std::vector<float> gathered_scales_;
  std::vector<float> gathered_offsets_;
  AlignedBytes blocks_;
  WordBlocks words_;  // the loaded rows, where enough queries share them; else none
  std::vector<uint32_t> sums_;
  bool has_tally_;  // numbers of bits tell which rows are nearer
  BitTally tally_;
  std::vector<uint8_t> passed_;  // of the blocks for tables: whether their sums are there
  std::vector<uint32_t> positions_[SliceGroup::kMaxQueries];
};

template <class Collector>
void Tile::collect(size_t first_query, size_t last_query, std::vector<Collector>& collectors) {
  constexpr size_t kGroup = SliceGroup::kMaxQueries;
  for (size_t q = first_query; q < last_query; q += kGroup) {
    Collector* group = collectors.data() + (q - first_query);
    const size_t n_here = std::min(kGroup, last_query - q);
    if (scan_.by_size != nullptr && !any_reaches(q, n_here, group)) continue;
    if (!is_prepared_) prepare();
    if (counts_slices(n_here, group))
      collect_slices(q, group);
    else
      for (size_t i = 0; i < n_here; ++i) collect_sums(q + i, group[i]);
  }
}

template <class Collector>
float Tile::limit_of(Collector& collector) {
  // Ids are far away in memory, so that they are asked for only where they spare much.
  if constexpr (std::is_same_v<Collector, TopK>)
    if (scan_.by_size != nullptr && scan_.by_size->ids_ascend() && collector.meets_many_ties())
      return collector.limit(first_id());
  return collector.limit();
}

template <class Collector>
bool Tile::any_reaches(size_t first_query, size_t n_queries, Collector* collectors) {
  for (size_t i = 0; i < n_queries; ++i)
    if (score_.least_key(plan_.number_in_score(first_query + i), sizes_) <= limit_of(collectors[i]))
      return true;
  return false;
}

template <class Collector>
bool Tile::counts_slices(size_t n_queries, Collector* collectors) const {
  if (n_ < min_sliced_rows_) return false;
  // Without a limit all rows pass, and then it is quicker to count them one by one.
  return std::all_of(collectors, collectors + n_queries,
                     [](Collector& c) { return std::isfinite(c.limit()); });
}

template <class Collector>
void Tile::collect_sums(size_t q, Collector& collector) {
  if (folds_ && collect_by_folds(q, collector)) return;
  const size_t query = plan_.number_in_score(q);
  sum_rows(q, limit_of(collector));
  const float limit_here = limit_of_sums(query, collector.wanted());
  if (std::isfinite(limit_here)) collector.narrow(limit_here);
  for (size_t first = 0, n; first < n_; first += n) {
    n = next_passed(first);
    if (n == 0) break;
    // The first rows soon set a limit for the others.
    const float limit = limit_of(collector);
    if (!std::isfinite(limit)) n = std::min(n, kRowsWithoutLimit);
    const size_t n_found = select(query, limit, first, n);
    for (size_t i = 0; i < n_found; ++i) {
      const size_t position = first + positions_[0][i];
      const uint32_t row = row_at(position);
      if (allows(row)) collector.push(score_.key(query, sums_[position], row), row);
    }
  }
}

template <class Collector>
void Tile::collect_slices(size_t first_query, Collector* collectors) {
  constexpr size_t kGroup = SliceGroup::kMaxQueries;
  const SliceGroup& group = plan_.slice_group(first_query);
  SliceTest tests[kGroup];
  uint32_t* positions[kGroup];
  size_t n_found[kGroup] = {};
  for (size_t i = 0; i < group.n_queries(); ++i) {
    const size_t query = plan_.number_in_score(first_query + i);
    tests[i] = group.test(i, score_.sum_bound(query, limit_of(collectors[i]), least_offset_));
    positions[i] = positions_[i].data();
  }
  scan_.kernels.count_slices(blocks_.get(), (n_ + block_rows_ - 1) / block_rows_, n_bytes_,
                             group.program(), tests, positions, n_found);
  for (size_t i = 0; i < group.n_queries(); ++i) {
    // Rows that are missing from the last block may be among those found.
    while (n_found[i] > 0 && positions[i][n_found[i] - 1] >= n_) --n_found[i];
    const size_t query = plan_.number_in_score(first_query + i);
    collect_listed(query, positions[i], n_found[i], collectors[i]);
  }
}

template <class Collector>
void Tile::collect_listed(size_t query, const uint32_t* positions, size_t n, Collector& collector) {
  sum_listed_rows(query, positions, n);
  for (size_t i = 0; i < n; ++i) {
    const uint32_t row = row_at(positions[i]);
    if (allows(row)) collector.push(score_.key(query, sums_[i], row), row);
  }
}

template <class Collector>
bool Tile::collect_by_folds(size_t q, Collector& collector) {
  const float limit = limit_of(collector);
  if (is_listed_ || folds_->rests() || !std::isfinite(limit)) {
    folds_->pass();
    folds_->add_codes(n_, n_);
    return false;
  }
  const size_t query = plan_.number_in_score(q);
  const SizeRange sizes = scan_.by_size == nullptr ? score_.sizes_within(query, limit) : sizes_;
  const int32_t most = score_.most_different(query, limit, sizes);
  const size_t n_found = folds_->select(first_row_, n_, most);
  folds_->add_codes(n_found, n_);
  if (n_found == n_) return false;
  collect_listed(query, folds_->positions(), n_found, collector);
  return true;
}

}  // namespace bitindex
