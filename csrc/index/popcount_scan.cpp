#include "index/popcount_scan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "index/popcount_cost.h"
#include "scan/query_plan.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

// A plain scan reads so many bytes while a query by itself chooses its rows, and goes on by steps
// with a list of k.
constexpr double kBytesOfChoice = 128 << 10, kBytesOfSteps = 512 << 10, kBytesOfResult = 8 << 10;
// A query by itself looks first at a share of the rows and some more, then goes on by steps, each
// this many times as wide.
constexpr size_t kFirstShare = 512, kFirstRows = 256, kPerResult = 2;
constexpr size_t kWidening = 8;
// Of so many rows several begin with those of their own popcount: larger ones would take long.
constexpr size_t kManyRows = size_t{1} << 16;
// Looking one by one must spare more than what a few rows tell may err.
constexpr double kSure = 0.8;
// A whole search for one query is tried where that is no more than 1 / this of the batch.
constexpr double kBatchOfTrial = 32.0;
// The k nearest rows are looked for with limits that tighten on the way, which spare so much.
constexpr double kTightening = 1.5;
// So many queries of each thread look one by one before it is asked again whether that pays.
constexpr size_t kAloneAtOnce = 8;

std::optional<RowFilter> misplaced_rows(const RowsBySize& rows, const Scan& scan) {
  const RowGroups& groups = rows.groups();
  const size_t n_ordered = groups.n_ordered();
  if (groups.n_loose() == groups.n_known() - n_ordered) return std::nullopt;
  std::vector<uint32_t> misplaced;
  for (size_t group = 0; group < groups.n_groups(); ++group)
    for (const uint32_t row : groups.loose(group))
      if (row < n_ordered) misplaced.push_back(row);
  return scan.filter.only(misplaced, scan.store.n_rows());
}

// Whether so few queries look at rows so quickly that they spare no time to pass over some.
bool are_few(size_t n_queries, size_t n_bytes) {
  return n_queries < QueryPlan::min_sliced(n_bytes);
}

// The numbers of queries, by popcount.
std::vector<size_t> order_by_size(const OverlapScore& score, size_t n_queries) {
  std::vector<uint64_t> sizes_and_queries(n_queries);
  for (size_t q = 0; q < n_queries; ++q) sizes_and_queries[q] = score.query_size(q) << 32 | q;
  std::sort(sizes_and_queries.begin(), sizes_and_queries.end());
  std::vector<size_t> order(n_queries);
  std::transform(sizes_and_queries.begin(), sizes_and_queries.end(), order.begin(),
                 [](uint64_t both) { return static_cast<uint32_t>(both); });
  return order;
}

}  // namespace

bool PopcountScan::is_too_small(const Scan& scan, size_t n_queries) noexcept {
  return n_queries == 0 ||
         (are_few(n_queries, scan.store.column(0).width()) && !has_many_rows(scan));
}

bool PopcountScan::has_many_rows(const Scan& scan) noexcept {
  return static_cast<double>(scan.filter.n_allowed() * scan.store.column(0).width()) >
         2.0 * kBytesOfSteps;
}

PopcountScan::PopcountScan(const Scan& scan, const RowsBySize& rows, const FoldedCodes* folds,
                           const OverlapScore& score, size_t n_queries, const MakeScore& make_score,
                           Patience& patience)
    : scan_(scan),
      rows_(rows),
      misplaced_(misplaced_rows(rows, scan)),
      score_(score),
      make_score_(make_score),
      patience_(patience),
      n_bytes_(score.bit_counts()->n_bytes),
      order_(order_by_size(score, n_queries)),
      limits_(n_queries, std::numeric_limits<float>::infinity()),
      seen_(n_queries, RowRange{0, 0}),
      lists_(n_queries) {
  if (folds != nullptr) folded_.emplace(FoldedRows{*folds, n_bytes_read_});
  if (n_queries == 1) return;
  codes_.reserve(n_queries * n_bytes_);
  for (const size_t q : order_) {
    const uint8_t* const code = score.bit_counts()->query(q);
    codes_.insert(codes_.end(), code, code + n_bytes_);
  }
}

template <class Use>
void PopcountScan::with_queries(size_t first, size_t last, Use use) const {
  if (first == last) return;
  if (n_queries() == 1) return use(Queries{0, 1, score_});
  const auto score = make_score_(codes_.data() + first * n_bytes_, last - first);
  use(Queries{first, last - first, *score});
}

RowRange PopcountScan::rows_within(size_t place, float limit) const {
  return rows_.rows(score_.sizes_within(order_[place], limit));
}

RowRange PopcountScan::rows_within_any(size_t first, float limit) const {
  RowRange all = rows_within(first, limit);
  for (size_t place = first + 1; place < n_queries(); ++place) {
    if (all.size() == rows_.n_rows()) break;
    const RowRange rows = rows_within(place, limit);
    all = {std::min(all.first, rows.first), std::max(all.last, rows.last)};
  }
  return all;
}

RowRange PopcountScan::rows_of_same_size(size_t place) const {
  const size_t size = score_.query_size(order_[place]);
  return rows_.rows({size, size});
}

RowRange PopcountScan::rows_nearby(size_t place, size_t n) const {
  const RowRange same = rows_of_same_size(place);
  const size_t middle = same.first + same.size() / 2;
  n = std::min(n, rows_.n_rows());
  const size_t first = std::min(middle - std::min(middle, n / 2), rows_.n_rows() - n);
  return {first, first + n};
}

float PopcountScan::limit_of(size_t place, size_t k) const {
  const std::vector<Candidate>& list = lists_[place];
  return list.size() < k ? limits_[place] : std::min(limits_[place], list.back().key());
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
  if (folds_tell(place, limit))
    return bytes_by_folds(scan_, *folded_, rows_, score_, order_[place], limit, rows);
  folded_.reset();
  return static_cast<double>(rows.size() * n_bytes_);
}

double PopcountScan::bytes_alone_of_nearest(size_t k) {
  double forecast = 0.0;
  with_queries(pilot(), pilot() + 1, [&](const Queries& query) {
    look_nearby(query, k);
    forecast = bytes_alone(pilot(), limit_of(pilot(), k));
    if (!folded_) return;
    forecast /= kTightening;
    const double together = bytes_of_each_together(pilot(), n_queries());
    const auto n = static_cast<double>(n_queries());
    if (forecast < kSure * together || forecast * kBatchOfTrial > n * together) return;
    const size_t before = n_bytes_read_;
    look_outwards(query, k);
    forecast = static_cast<double>(n_bytes_read_ - before);
  });
  return forecast;
}

double PopcountScan::bytes_of_each_together(size_t place, size_t n) const {
  return bytes_together(n, scan_.store.n_rows(), n_bytes_, score_.query_size(order_[place]));
}

bool PopcountScan::tries_alone() {
  if (has_many_rows(scan_) && patience_.tries()) return true;
  folded_.reset();
  return false;
}

bool PopcountScan::choose_alone(double bytes_alone) {
  if (bytes_alone < kSure * bytes_of_each_together(pilot(), n_queries())) return true;
  patience_.tell(false);
  folded_.reset();
  return false;
}

template <class LookFor>
size_t PopcountScan::look_one_by_one(double bytes_of_each, LookFor look_for) {
  size_t n_done = 0;
  bool pays = true;
  const auto look = [&](size_t place) { with_queries(place, place + 1, look_for); };
  while (n_done < n_queries() && pays) {
    const size_t n_here = std::min(n_queries() - n_done, kAloneAtOnce * scan_.n_threads);
    const size_t before = n_bytes_read_;
    // Threads share the queries or, where these are few, the rows of each.
    if (n_here >= scan_.n_threads)
      run_tasks(n_here, scan_.n_threads, scan_.cancel, [&](size_t i) { look(n_done + i); });
    else
      for (size_t i = 0; i < n_here; ++i) look(n_done + i);
    const double n_bytes =
        static_cast<double>(n_bytes_read_ - before) / static_cast<double>(n_here);
    const size_t n_together = std::max(n_here, n_queries() - n_done - n_here);
    pays = n_bytes + bytes_of_each < bytes_of_each_together(n_done, n_together);
    n_done += n_here;
  }
  patience_.tell(pays);
  return n_done;
}

void PopcountScan::look_nearby(const Queries& query, size_t k) {
  for_loose_parts([&](const Scan& part) { find_nearest(query, part, k); });
  RowRange& seen = seen_[query.first];
  seen = rows_nearby(query.first, kPerResult * k + rows_.n_rows() / kFirstShare + kFirstRows);
  find_nearest(query, ordered_part(query, seen), k);
}

void PopcountScan::look_outwards(const Queries& query, size_t k) {
  const size_t place = query.first;
  RowRange& seen = seen_[place];
  for (;;) {
    const RowRange needed = rows_within(place, limit_of(place, k));
    if (seen.first <= needed.first && seen.last >= needed.last) return;
    const RowRange nearby = rows_nearby(place, seen.size() * kWidening);
    const size_t first = std::min(seen.first, std::max(nearby.first, needed.first));
    const size_t last = std::max(seen.last, std::min(nearby.last, needed.last));
    find_nearest(query, ordered_part(query, {first, seen.first}), k);
    find_nearest(query, ordered_part(query, {seen.last, last}), k);
    seen = {first, last};
  }
}

void PopcountScan::find_nearest(const Queries& queries, const Scan& part, size_t k) {
  if (part.rows.size() == 0) return;
  std::vector<float> limits;
  for (size_t place = queries.first; place < queries.first + queries.n; ++place)
    limits.push_back(limit_of(place, k));
  merge(queries.first, scan_nearest(part, queries.score, queries.n, k, limits.data()), k);
}

void PopcountScan::find_within(const Queries& queries, const Scan& part, float radius) {
  if (part.rows.size() == 0) return;
  merge(queries.first, scan_within(part, queries.score, queries.n, radius), scan_.store.n_rows());
}

Scan PopcountScan::ordered_part(const Queries& queries, const RowRange& rows, bool plainly) {
  if (!folded_) n_bytes_read_ += rows.size() * n_bytes_;
  const FoldedRows* const folded = queries.n == 1 && folded_ ? &*folded_ : nullptr;
  const bool by_size = !plainly || folded != nullptr;
  return {scan_.store,
          scan_.kernels,
          scan_.filter,
          scan_.n_threads,
          scan_.cancel,
          rows,
          by_size ? &rows_ : nullptr,
          folded};
}

template <class Look>
void PopcountScan::for_loose_parts(Look look) const {
  Scan part = scan_;
  part.rows = {rows_.n_rows(), scan_.store.n_rows()};
  if (part.rows.size() > 0) look(part);
  if (misplaced_)
    look(Scan{scan_.store, scan_.kernels, *misplaced_, scan_.n_threads, scan_.cancel});
}

void PopcountScan::merge(size_t first, CandidateLists more, size_t k) {
  const NearerFirst nearer_first(scan_.store.ids());
  const auto same_row = [](const Candidate& a, const Candidate& b) { return a.row() == b.row(); };
  for (size_t i = 0; i < more.size(); ++i) {
    std::vector<Candidate>& list = lists_[first + i];
    if (list.empty()) {
      list = std::move(more[i]);
      continue;
    }
    if (more[i].empty()) continue;
    nearer_first.merge(list, more[i]);
    // A misplaced row may be seen where it stands too.
    if (misplaced_) list.erase(std::unique(list.begin(), list.end(), same_row), list.end());
    list.resize(std::min(k, list.size()));
  }
}

CandidateLists PopcountScan::within(float radius) {
  size_t n_alone = 0;
  if (tries_alone() && choose_alone(bytes_alone(pilot(), radius) + kBytesOfChoice))
    n_alone = look_one_by_one(kBytesOfChoice, [&](const Queries& query) {
      for_loose_parts([&](const Scan& part) { find_within(query, part, radius); });
      find_within(query, ordered_part(query, rows_within(query.first, radius)), radius);
    });
  with_queries(n_alone, n_queries(), [&](const Queries& queries) {
    for_loose_parts([&](const Scan& part) { find_within(queries, part, radius); });
    const RowRange rows = rows_within_any(n_alone, radius);
    find_within(queries, ordered_part(queries, rows, are_few(queries.n, n_bytes_)), radius);
  });
  return take();
}

CandidateLists PopcountScan::nearest(size_t k) {
  size_t n_alone = 0;
  if (tries_alone()) {
    const double n_bytes = kBytesOfSteps + kBytesOfResult * static_cast<double>(k);
    if (choose_alone(bytes_alone_of_nearest(k) + n_bytes)) {
      n_alone = look_one_by_one(n_bytes, [&](const Queries& query) {
        if (seen_[query.first].size() == 0) look_nearby(query, k);
        look_outwards(query, k);
      });
    } else {
      limits_[pilot()] = limit_of(pilot(), k);
      lists_[pilot()].clear();
    }
  }
  with_queries(n_alone, n_queries(), [&](const Queries& queries) {
    for_loose_parts([&](const Scan& part) { find_nearest(queries, part, k); });
    Scan part = ordered_part(queries, {0, rows_.n_rows()}, are_few(queries.n, n_bytes_));
    if (rows_.n_rows() >= kManyRows)
      part.start = rows_of_same_size(queries.first + queries.n / 2).first;
    find_nearest(queries, part, k);
  });
  return take();
}

CandidateLists PopcountScan::take() {
  CandidateLists lists(n_queries());
  for (size_t place = 0; place < n_queries(); ++place)
    lists[order_[place]] = std::move(lists_[place]);
  return lists;
}

}  // namespace bitindex
