#include "index/popcount_scan.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "scan/thread_pool.h"

namespace bitindex {
namespace {

// The first look for the nearest rows goes to a share of them, and some more.
constexpr size_t kNearbyShare = 512;
constexpr size_t kNearbyPerResult = 8;
// So few queries need no rows prepared, so they go on by steps, each this many times as wide.
constexpr size_t kAlone = 2;
constexpr size_t kAloneByFolds = 64;
constexpr size_t kWidening = 4;

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

bool PopcountScan::suits_folds(size_t n_queries) noexcept { return n_queries <= kAloneByFolds; }

RowRange PopcountScan::rows_within(size_t place, float limit) const {
  const auto [low, high] = score_.sizes_within(order_[place], limit);
  return {groups_.starts()[low], groups_.starts()[std::min(high, groups_.n_groups() - 1) + 1]};
}

RowRange PopcountScan::rows_nearby(size_t place, size_t n) const {
  const std::vector<size_t>& starts = groups_.starts();
  const size_t size = score_.query_size(order_[place]);
  const size_t middle = (starts[size] + starts[size + 1]) / 2;
  const size_t first =
      std::min(middle - std::min(middle, n / 2), starts.back() - std::min(n, starts.back()));
  return {first, std::min(first + n, starts.back())};
}

std::vector<PopcountScan::Together> PopcountScan::put_together(
    const std::vector<RowRange>& ranges) const {
  std::vector<Together> all;
  for (size_t place = 0; place < n_queries(); ++place) {
    const RowRange& rows = ranges[place];
    if (one_by_one() || all.empty() || rows.first >= all.back().rows.last) {
      all.push_back({place, place + 1, rows});
      continue;
    }
    all.back().last_query = place + 1;
    all.back().rows.first = std::min(all.back().rows.first, rows.first);
    all.back().rows.last = std::max(all.back().rows.last, rows.last);
  }
  return all;
}

template <class Task>
void PopcountScan::run(size_t n, Task task) {
  if (one_by_one() && n >= scan_.n_threads) return run_tasks(n, scan_.n_threads, scan_.cancel, task);
  for (size_t i = 0; i < n; ++i) task(i);
}

template <class Use>
void PopcountScan::look_at(const Together& queries, Use use) {
  if (queries.rows.size() == 0) return;
  const size_t n = queries.last_query - queries.first_query;
  const auto score = make_score_(codes_.data() + queries.first_query * n_bytes_, n);
  use(Scan{scan_.store, scan_.kernels, scan_.filter, scan_.n_threads, scan_.cancel, queries.rows,
           queries.rows.last <= groups_.n_ordered() ? &groups_ : nullptr, scan_.folds},
      *score, n, queries.first_query);
}

template <class Use>
void PopcountScan::look_at_ranges(const std::vector<RowRange>& ranges, Use use) {
  const std::vector<Together> all = put_together(ranges);
  run(all.size(), [&](size_t i) { look_at(all[i], use); });
}

template <class Use>
void PopcountScan::look_at_loose_rows(Use use) {
  const size_t n_rows = scan_.store.n_rows(), n_ordered = groups_.n_ordered();
  look_at_ranges(std::vector<RowRange>(n_queries(), {n_ordered, n_rows}), use);
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
    // The rows nearby are seen twice, and a misplaced row also where it stands.
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
  for (size_t place = 0; place < n_queries(); ++place) ranges.push_back(rows_within(place, radius));
  look_at_ranges(ranges, use);
  look_at_loose_rows(use);
  return take();
}

CandidateLists PopcountScan::nearest(size_t k) {
  const auto look = [&](const Scan& part, const Score& score, size_t n, size_t first_place) {
    std::vector<float> limits;
    for (size_t place = first_place; place < first_place + n; ++place)
      limits.push_back(limit_of(place, k));
    merge(first_place, scan_nearest(part, score, n, k, limits.data()), k);
  };
  look_at_loose_rows(look);
  const size_t n_nearby = kNearbyPerResult * k + groups_.n_ordered() / kNearbyShare;
  if (one_by_one() || n_queries() <= kAlone) {
    run(n_queries(), [&](size_t place) { widen(place, n_nearby, k, look); });
    return take();
  }
  // Without a limit that is nearly tight, ascending popcounts would bring ever nearer rows.
  run_tasks(n_queries(), scan_.n_threads, scan_.cancel,
            [&](size_t place) { look_at({place, place + 1, rows_nearby(place, n_nearby)}, look); });
  std::vector<RowRange> ranges;
  for (size_t place = 0; place < n_queries(); ++place)
    ranges.push_back(rows_within(place, limit_of(place, k)));
  look_at_ranges(ranges, look);
  return take();
}

template <class Use>
void PopcountScan::widen(size_t place, size_t n_nearby, size_t k, Use look) {
  RowRange seen = rows_nearby(place, n_nearby);
  look_at({place, place + 1, seen}, look);
  for (size_t n = n_nearby;; n *= kWidening) {
    const RowRange needed = rows_within(place, limit_of(place, k));
    if (seen.first <= needed.first && seen.last >= needed.last) return;
    const RowRange nearby = rows_nearby(place, n * kWidening);
    const size_t first = std::min(seen.first, std::max(nearby.first, needed.first));
    const size_t last = std::max(seen.last, std::min(nearby.last, needed.last));
    look_at({place, place + 1, {first, seen.first}}, look);
    look_at({place, place + 1, {seen.last, last}}, look);
    seen = {first, last};
  }
}

float PopcountScan::limit_of(size_t place, size_t k) const {
  const std::vector<Candidate>& list = lists_[place];
  return list.size() < k ? std::numeric_limits<float>::infinity() : list.back().key();
}

CandidateLists PopcountScan::take() {
  CandidateLists lists(n_queries());
  for (size_t place = 0; place < n_queries(); ++place)
    lists[order_[place]] = std::move(lists_[place]);
  return lists;
}

}  // namespace bitindex
