#include "index/popcount_scan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "index/popcount_cost.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

// The first look for the nearest rows goes to a share of them, and some more.
constexpr size_t kNearbyShare = 512;
constexpr size_t kNearbyPerResult = 2;
// A query by itself goes on by steps, each this many times as wide.
constexpr size_t kWidening = 4;
// A share of the rows tells whether queries had better look one by one, which must spare more than
// that may err.
constexpr size_t kTrialShare = 128;
constexpr size_t kTrialRuns = 8, kTrialRunRows = 256;
constexpr double kSure = 0.8;
// A whole search for one query is tried where that is no more than 1 / this of the batch.
constexpr double kBatchOfTrial = 32.0;
// The k nearest rows are looked for with limits that tighten on the way, which spare so much.
constexpr double kTightening = 1.5;
// So many queries of each thread look one by one before it is asked again whether that pays.
constexpr size_t kAloneAtOnce = 8;

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

PopcountScan::PopcountScan(const Scan& scan, const PopcountOrder& order, const OverlapScore& score,
                           size_t n_queries, const MakeScore& make_score)
    : scan_(scan),
      groups_(order.groups),
      ids_ascend_(order.ids_ascend),
      misplaced_(misplaced_rows(order.groups, scan)),
      score_(score),
      make_score_(make_score),
      n_bytes_(score.bit_counts()->n_bytes),
      order_(n_queries),
      limits_(n_queries, std::numeric_limits<float>::infinity()),
      lists_(n_queries) {
  if (order.folds != nullptr) folded_.emplace(FoldedRows{*order.folds, n_bytes_read_});
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
    size_t first_query, const std::vector<RowRange>& ranges) const {
  std::vector<Together> all;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const size_t place = first_query + i;
    const RowRange& rows = ranges[i];
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

bool PopcountScan::folds_tell(size_t place, float limit) const {
  if (!folded_) return false;
  const size_t size = score_.query_size(order_[place]);
  const int32_t most = score_.most_different(order_[place], limit, {size, size});
  return FoldedCodes::tells_apart(folded_->codes.levels().back().width(), most);
}

double PopcountScan::bytes_alone(size_t place, float limit) {
  const RowRange rows = rows_within(place, limit);
  if (rows.size() == 0) return 0.0;
  if (!folds_tell(place, limit)) folded_.reset();
  return folded_ ? bytes_by_folds(place, limit, rows) : static_cast<double>(rows.size() * n_bytes_);
}

bool PopcountScan::choose_alone(double bytes_alone) {
  if (bytes_alone < kSure * bytes_of_each_together(pilot(), n_queries())) return true;
  folded_.reset();
  return false;
}

double PopcountScan::bytes_by_folds(size_t place, float limit, const RowRange& rows) {
  const size_t n_runs =
      std::clamp<size_t>(rows.size() / kTrialShare / kTrialRunRows, 1, kTrialRuns);
  const size_t n_run = std::max<size_t>(1, rows.size() / kTrialShare / n_runs);
  const size_t before = n_bytes_read_;
  for (size_t run = 0; run < n_runs; ++run) {
    const size_t first = rows.first + (rows.size() - n_run) * (2 * run + 1) / (2 * n_runs);
    look_at({place, place + 1, {first, first + n_run}},
            [&](const Scan& part, const Score& score, size_t n, size_t) {
              scan_within(part, score, n, limit);
            });
  }
  return static_cast<double>(n_bytes_read_ - before) * static_cast<double>(rows.size()) /
         static_cast<double>(n_runs * n_run);
}

double PopcountScan::bytes_of_each_together(size_t place, size_t n) const {
  return bytes_together(n, scan_.store.n_rows(), n_bytes_, score_.query_size(order_[place]));
}

template <class LookFor>
size_t PopcountScan::look_one_by_one(LookFor look_for) {
  size_t n_done = 0;
  while (n_done < n_queries()) {
    const size_t n_here = std::min(n_queries() - n_done, kAloneAtOnce * scan_.n_threads);
    const size_t before = n_bytes_read_;
    // Threads share the queries or, where these are few, the rows of each.
    if (n_here >= scan_.n_threads)
      run_tasks(n_here, scan_.n_threads, scan_.cancel, [&](size_t i) { look_for(n_done + i); });
    else
      for (size_t i = 0; i < n_here; ++i) look_for(n_done + i);
    n_done += n_here;
    const auto n_bytes = static_cast<double>(n_bytes_read_ - before);
    if (n_done < n_queries() && n_bytes > static_cast<double>(n_here) *
                                              bytes_of_each_together(n_done, n_queries() - n_done))
      break;
  }
  return n_done;
}

template <class Use>
void PopcountScan::look_at(const Together& queries, Use use) {
  if (queries.rows.size() == 0) return;
  if (!folded_) n_bytes_read_ += queries.rows.size() * n_bytes_;
  const bool ordered = queries.rows.last <= groups_.n_ordered();
  look_at(queries.first_query, queries.last_query,
          {scan_.store, scan_.kernels, scan_.filter, scan_.n_threads, scan_.cancel, queries.rows,
           ordered && queries.some_need_less ? &groups_ : nullptr, ids_ascend_},
          use);
}

template <class Use>
void PopcountScan::look_at(size_t first_query, size_t last_query, Scan part, Use use) {
  const size_t n = last_query - first_query;
  if (n == 0) return;
  if (n == 1 && folded_) part.folded = &*folded_;
  if (n_queries() == 1) return use(part, score_, n, first_query);
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
    nearer_first.merge(list, more[i]);
    // A misplaced row may be seen where it stands too.
    if (misplaced_) list.erase(std::unique(list.begin(), list.end(), same_row), list.end());
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
  size_t n_alone = 0;
  if (n_queries() > 0 && choose_alone(bytes_alone(pilot(), radius)))
    n_alone = look_one_by_one(look_for);
  std::vector<RowRange> ranges;
  for (size_t place = n_alone; place < n_queries(); ++place)
    ranges.push_back(rows_within(place, radius));
  for (Together& queries : put_together(n_alone, ranges)) {
    const RowRange* const range = ranges.data() + (queries.first_query - n_alone);
    const size_t n = queries.last_query - queries.first_query;
    queries.some_need_less = std::any_of(
        range, range + n, [&](const RowRange& rows) { return rows.size() < queries.rows.size(); });
    look_at(queries, use);
  }
  look_at_loose_rows(n_alone, n_queries(), use);
  return take();
}

CandidateLists PopcountScan::nearest(size_t k) {
  const auto look = [&](const Scan& part, const Score& score, size_t n, size_t first_place) {
    std::vector<float> limits;
    for (size_t place = first_place; place < first_place + n; ++place)
      limits.push_back(limit_of(place, k));
    merge(first_place, scan_nearest(part, score, n, k, limits.data()), k);
  };
  const size_t n_rows = scan_.store.n_rows();
  const size_t n_nearby = kNearbyPerResult * k + groups_.n_ordered() / kNearbyShare;
  const auto look_for = [&](size_t place) {
    look_at_loose_rows(place, place + 1, look);
    widen(place, n_nearby, k, look);
  };
  const auto look_nearby = [&](size_t place, size_t n) {
    look_at({place, place + 1, rows_nearby(place, n)},
            [&](const Scan& part, const Score& score, size_t, size_t) {
              limits_[place] = scan_kth_key(part, score, k);
            });
  };
  size_t n_alone = 0;
  if (n_queries() > 0) {
    look_nearby(pilot(), std::max(n_nearby, n_rows / kTrialShare));
    if (choose_alone(bytes_alone_of_nearest(look_for, k))) n_alone = look_one_by_one(look_for);
  }
  // Without a limit that is nearly tight, ascending popcounts would bring ever nearer rows.
  run_tasks(n_queries() - n_alone, scan_.n_threads, scan_.cancel, [&](size_t i) {
    const size_t place = n_alone + i;
    if (!std::isfinite(limits_[place])) look_nearby(place, n_nearby);
  });
  look_at_loose_rows(n_alone, n_queries(), look);
  std::vector<RowRange> ranges;
  for (size_t place = n_alone; place < n_queries(); ++place)
    ranges.push_back(rows_within(place, limit_of(place, k)));
  for (const Together& queries : put_together(n_alone, ranges)) look_at(queries, look);
  return take();
}

template <class LookFor>
double PopcountScan::bytes_alone_of_nearest(LookFor look_for, size_t k) {
  double forecast = bytes_alone(pilot(), limits_[pilot()]);
  if (!folded_) return forecast;
  forecast /= kTightening;
  const double together = bytes_of_each_together(pilot(), n_queries());
  const auto n = static_cast<double>(n_queries());
  if (forecast < kSure * together || forecast * kBatchOfTrial > n * together) return forecast;
  const size_t before = n_bytes_read_;
  look_for(pilot());
  limits_[pilot()] = limit_of(pilot(), k);
  lists_[pilot()].clear();
  return static_cast<double>(n_bytes_read_ - before);
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
  return list.size() < k ? limits_[place] : std::min(limits_[place], list.back().key());
}

CandidateLists PopcountScan::take() {
  CandidateLists lists(n_queries());
  for (size_t place = 0; place < n_queries(); ++place)
    lists[order_[place]] = std::move(lists_[place]);
  return lists;
}

}  // namespace bitindex
