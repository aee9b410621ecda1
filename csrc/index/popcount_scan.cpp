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
constexpr size_t kWidening = 4;
// To prepare rows costs more than to read them so many times.
constexpr size_t kPreparation = 2;

std::optional<RowFilter> misplaced_rows(const RowGroups& groups, const Scan& scan) {
  const size_t n_ordered = groups.n_ordered();
  if (groups.n_loose() == groups.n_known() - n_ordered) return std::nullopt;
  std::vector<uint32_t> misplaced;
  for (size_t group = 0; group < groups.n_groups(); ++group)
    for (const uint32_t row : groups.loose(group))
      if (row < n_ordered) misplaced.push_back(row);
  return scan.filter.only(misplaced, scan.store.n_rows());
}

}  // namespace

PopcountScan::PopcountScan(const Scan& scan, const RowGroups& groups, const FoldedCodes* folds,
                           const OverlapScore& score, size_t n_queries, const MakeScore& make_score)
    : scan_(scan),
      groups_(groups),
      misplaced_(misplaced_rows(groups, scan)),
      score_(score),
      make_score_(make_score),
      n_bytes_(score.bit_counts()->n_bytes),
      order_(n_queries),
      lists_(n_queries) {
  if (folds != nullptr) folded_.emplace(FoldedRows{*folds, n_bytes_read_});
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
    if (all.empty() || rows.first >= all.back().rows.last) {
      all.push_back({place, place + 1, rows});
      continue;
    }
    all.back().last_query = place + 1;
    all.back().rows.first = std::min(all.back().rows.first, rows.first);
    all.back().rows.last = std::max(all.back().rows.last, rows.last);
  }
  return all;
}

void PopcountScan::drop_idle_folds(size_t place, float limit) {
  if (!folded_) return;
  const size_t size = score_.query_size(order_[place]);
  const int32_t most = score_.most_different(order_[place], limit, {size, size});
  const size_t width = folded_->codes.levels().back().width();
  if (!FoldedCodes::tells_apart(width, most)) folded_.reset();
}

template <class LookFor>
bool PopcountScan::look_one_by_one(LookFor look_for) {
  if (!folded_ || n_queries() == 0) return false;
  look_for(pilot());
  const size_t prepared = kPreparation * scan_.store.n_rows() * n_bytes_;
  if (n_queries() > 1 && n_queries() * n_bytes_read_ > prepared) {
    folded_.reset();
    return false;
  }
  const auto look_for_other = [&](size_t i) { look_for(i < pilot() ? i : i + 1); };
  const size_t n_others = n_queries() - 1;
  // Threads share the queries or, where these are few, the rows of each.
  if (n_others >= scan_.n_threads)
    run_tasks(n_others, scan_.n_threads, scan_.cancel, look_for_other);
  else
    for (size_t i = 0; i < n_others; ++i) look_for_other(i);
  return true;
}

template <class Use>
void PopcountScan::look_at(const Together& queries, Use use) {
  if (queries.rows.size() == 0) return;
  const bool ordered = queries.rows.last <= groups_.n_ordered();
  look_at(queries.first_query, queries.last_query,
          {scan_.store, scan_.kernels, scan_.filter, scan_.n_threads, scan_.cancel, queries.rows,
           ordered ? &groups_ : nullptr},
          use);
}

template <class Use>
void PopcountScan::look_at(size_t first_query, size_t last_query, Scan part, Use use) {
  const size_t n = last_query - first_query;
  if (n == 1 && folded_) part.folded = &*folded_;
  const auto score = make_score_(codes_.data() + first_query * n_bytes_, n);
  use(part, *score, n, first_query);
}

template <class Use>
void PopcountScan::look_at_loose_rows(size_t first_query, size_t last_query, Use use) {
  look_at({first_query, last_query, {groups_.n_ordered(), scan_.store.n_rows()}}, use);
  if (misplaced_)
    look_at(first_query, last_query,
            {scan_.store, scan_.kernels, *misplaced_, scan_.n_threads, scan_.cancel}, use);
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
  const auto look_for = [&](size_t place) {
    look_at({place, place + 1, rows_within(place, radius)}, use);
    look_at_loose_rows(place, place + 1, use);
  };
  if (n_queries() > 0) drop_idle_folds(pilot(), radius);
  if (look_one_by_one(look_for)) return take();
  std::vector<RowRange> ranges;
  for (size_t place = 0; place < n_queries(); ++place) ranges.push_back(rows_within(place, radius));
  for (const Together& queries : put_together(ranges)) look_at(queries, use);
  look_at_loose_rows(0, n_queries(), use);
  return take();
}

CandidateLists PopcountScan::nearest(size_t k) {
  const auto look = [&](const Scan& part, const Score& score, size_t n, size_t first_place) {
    std::vector<float> limits;
    for (size_t place = first_place; place < first_place + n; ++place)
      limits.push_back(limit_of(place, k));
    merge(first_place, scan_nearest(part, score, n, k, limits.data()), k);
  };
  const size_t n_nearby = kNearbyPerResult * k + groups_.n_ordered() / kNearbyShare;
  const auto look_for = [&](size_t place) {
    look_at_loose_rows(place, place + 1, look);
    widen(place, n_nearby, k, look);
  };
  if (n_queries() > 1 && folded_) {
    look_at({pilot(), pilot() + 1, rows_nearby(pilot(), n_nearby)}, look);
    drop_idle_folds(pilot(), limit_of(pilot(), k));
  }
  if (look_one_by_one(look_for)) return take();
  look_at_loose_rows(0, n_queries(), look);
  if (n_queries() <= kAlone) {
    for (size_t place = 0; place < n_queries(); ++place) widen(place, n_nearby, k, look);
    return take();
  }
  // Without a limit that is nearly tight, ascending popcounts would bring ever nearer rows.
  run_tasks(n_queries(), scan_.n_threads, scan_.cancel,
            [&](size_t place) { look_at({place, place + 1, rows_nearby(place, n_nearby)}, look); });
  std::vector<RowRange> ranges;
  for (size_t place = 0; place < n_queries(); ++place)
    ranges.push_back(rows_within(place, limit_of(place, k)));
  for (const Together& queries : put_together(ranges)) look_at(queries, look);
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
