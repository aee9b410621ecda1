#include "index/popcount_scan.h"

#include <algorithm>
#include <numeric>

namespace bitindex {
namespace {

constexpr size_t kQueriesOfSlices = 4;
// To prepare rows for some queries costs as much as to look at them for so many.
constexpr size_t kPreparingQueries = 2;
// The first look for the nearest rows goes to a share of them.
constexpr size_t kNearbyShare = 32;

RowRange both(const RowRange& a, const RowRange& b) {
  if (a.size() == 0) return b;
  if (b.size() == 0) return a;
  return {std::min(a.first, b.first), std::max(a.last, b.last)};
}

}  // namespace

PopcountScan::PopcountScan(const Scan& scan, const RowGroups& groups, const OverlapScore& score,
                           size_t n_queries, const MakeScore& make_score)
    : scan_(scan),
      groups_(groups),
      score_(score),
      make_score_(make_score),
      n_bytes_(score.bit_counts()->n_bytes),
      order_(n_queries),
      lists_(n_queries) {
  std::iota(order_.begin(), order_.end(), size_t{0});
  std::stable_sort(order_.begin(), order_.end(),
                   [&](size_t a, size_t b) { return score.query_size(a) < score.query_size(b); });
  codes_.reserve(n_queries * n_bytes_);
  for (const size_t q : order_) {
    const uint8_t* const code = score.bit_counts()->query(q);
    codes_.insert(codes_.end(), code, code + n_bytes_);
  }
}

RowRange PopcountScan::rows_within(size_t place, float limit) const {
  const size_t q = order_[place], size = score_.query_size(q);
  // The bound falls up to the popcount of the query and rises from there.
  size_t low = 0, low_end = size;
  while (low < low_end) {
    const size_t middle = (low + low_end) / 2;
    if (score_.least_key(q, middle) <= limit)
      low_end = middle;
    else
      low = middle + 1;
  }
  size_t high = size, high_end = groups_.n_groups() - 1;
  while (high < high_end) {
    const size_t middle = (high + high_end + 1) / 2;
    if (score_.least_key(q, middle) <= limit)
      high = middle;
    else
      high_end = middle - 1;
  }
  return {groups_.starts()[low], groups_.starts()[high + 1]};
}

RowRange PopcountScan::rows_nearby(size_t place, size_t n) const {
  const size_t q = order_[place];
  const std::vector<size_t>& starts = groups_.starts();
  size_t low = score_.query_size(q), high = low;
  while (starts[high + 1] - starts[low] < n && starts[high + 1] - starts[low] < starts.back()) {
    const bool can_fall = low > 0, can_rise = high + 2 < starts.size();
    if (can_fall && (!can_rise || score_.least_key(q, low - 1) < score_.least_key(q, high + 1)))
      --low;
    else
      ++high;
  }
  return {starts[low], starts[high + 1]};
}

std::vector<PopcountScan::Together> PopcountScan::put_together(
    const std::vector<RowRange>& ranges) const {
  const auto cost = [](const Together& queries) {
    return queries.rows.size() * (queries.last_query - queries.first_query + kPreparingQueries);
  };
  std::vector<Together> all;
  for (size_t first = 0; first < n_queries(); first += kQueriesOfSlices) {
    Together next = {first, std::min(n_queries(), first + kQueriesOfSlices), ranges[first]};
    for (size_t place = first; place < next.last_query; ++place)
      next.rows = both(next.rows, ranges[place]);
    if (!all.empty()) {
      const Together joined = {all.back().first_query, next.last_query,
                               both(all.back().rows, next.rows)};
      if (cost(joined) <= cost(all.back()) + cost(next)) {
        all.back() = joined;
        continue;
      }
    }
    all.push_back(next);
  }
  return all;
}

template <class Use>
void PopcountScan::look_at(const Together& queries, Use use) {
  if (queries.rows.size() == 0) return;
  const size_t n = queries.last_query - queries.first_query;
  const auto score = make_score_(codes_.data() + queries.first_query * n_bytes_, n);
  use(Scan{scan_.store, scan_.kernels, scan_.filter, scan_.n_threads, scan_.cancel, queries.rows},
      *score, n, queries.first_query);
}

template <class Use>
void PopcountScan::look_at_loose_rows(Use use) {
  const size_t n_rows = scan_.store.n_rows(), n_ordered = groups_.n_ordered();
  look_at({0, n_queries(), {n_ordered, n_rows}}, use);
  if (groups_.n_loose() == groups_.n_known() - n_ordered) return;
  std::vector<uint32_t> misplaced;
  for (size_t group = 0; group < groups_.n_groups(); ++group)
    for (const uint32_t row : groups_.loose(group))
      if (row < n_ordered) misplaced.push_back(row);
  const RowFilter filter = scan_.filter.only(misplaced, n_rows);
  const auto score = make_score_(codes_.data(), n_queries());
  use(Scan{scan_.store, scan_.kernels, filter, scan_.n_threads, scan_.cancel}, *score, n_queries(),
      size_t{0});
}

void PopcountScan::merge(size_t first_place, CandidateLists more, size_t k) {
  const NearerFirst nearer_first(scan_.store.ids());
  const auto same_row = [](const Candidate& a, const Candidate& b) { return a.row() == b.row(); };
  for (size_t i = 0; i < more.size(); ++i) {
    std::vector<Candidate>& list = lists_[first_place + i];
    if (list.empty()) {
      list = std::move(more[i]);
      continue;
    }
    list.insert(list.end(), more[i].begin(), more[i].end());
    nearer_first.sort(list);
    // A misplaced row is also seen where it stands.
    list.erase(std::unique(list.begin(), list.end(), same_row), list.end());
    list.resize(std::min(k, list.size()));
  }
}

CandidateLists PopcountScan::within(float radius) {
  const size_t all = scan_.store.n_rows();
  const auto use = [&](const Scan& part, const Score& score, size_t n, size_t first_place) {
    merge(first_place, scan_within(part, score, n, radius), all);
  };
  std::vector<RowRange> ranges;
  for (size_t place = 0; place < n_queries(); ++place)
    ranges.push_back(rows_within(place, radius));
  for (const Together& queries : put_together(ranges)) look_at(queries, use);
  look_at_loose_rows(use);
  return take();
}

CandidateLists PopcountScan::nearest(size_t k) {
  const auto use = [&](const Scan& part, const Score& score, size_t n, size_t first_place) {
    merge(first_place, scan_nearest(part, score, n, k), k);
  };
  look_at_loose_rows(use);
  std::vector<RowRange> ranges;
  const size_t n_nearby = std::max(k, groups_.n_ordered() / kNearbyShare);
  for (size_t place = 0; place < n_queries(); ++place)
    ranges.push_back(rows_nearby(place, n_nearby));
  for (const Together& queries : put_together(ranges)) {
    look_at(queries, use);
    RowRange rows = queries.rows;
    for (size_t place = queries.first_query; place < queries.last_query; ++place) {
      const std::vector<Candidate>& list = lists_[place];
      const RowRange every = {0, groups_.n_ordered()};
      rows = both(rows, list.size() < k ? every : rows_within(place, list.back().key()));
    }
    look_at({queries.first_query, queries.last_query, {rows.first, queries.rows.first}}, use);
    look_at({queries.first_query, queries.last_query, {queries.rows.last, rows.last}}, use);
  }
  return take();
}

CandidateLists PopcountScan::take() {
  CandidateLists lists(n_queries());
  for (size_t place = 0; place < n_queries(); ++place)
    lists[order_[place]] = std::move(lists_[place]);
  return lists;
}

}  // namespace bitindex
