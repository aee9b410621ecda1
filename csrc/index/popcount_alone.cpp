#include <algorithm>

#include "index/popcount_cost.h"
#include "index/popcount_scan.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

// A plain scan reads so many bytes while a query by itself chooses its rows, and goes on by steps
// with a list of k.
constexpr double kBytesOfChoice = 128 << 10, kBytesOfSteps = 512 << 10, kBytesOfResult = 8 << 10;
// A query by itself looks first at a share of the rows and some more, then goes on by steps, each
// this many times as wide.
constexpr size_t kFirstShare = 512, kFirstRows = 256, kPerResult = 2;
// For a batch the first look of one query tells, at a larger share.
constexpr size_t kPilotShare = 128;
constexpr size_t kWidening = 4;
// Looking one by one must spare more than what a few rows tell may err.
constexpr double kSure = 0.8;
// A whole search for one query is tried where that is no more than 1 / this of the batch.
constexpr double kBatchOfTrial = 8.0;
// The k nearest rows are looked for with limits that tighten on the way, which spare so much.
constexpr double kTightening = 1.5;
// So many queries of each thread look one by one before it is asked again whether that pays.
constexpr size_t kAloneAtOnce = 8;

}  // namespace

bool PopcountScan::has_many_rows(const Scan& scan) noexcept {
  return static_cast<double>(scan.filter.n_allowed() * scan.store.column(0).width()) >
         2.0 * kBytesOfSteps;
}

RowRange PopcountScan::rows_nearby(size_t place, size_t n) const {
  const RowRange same = rows_of_same_size(place);
  const size_t middle = same.first + same.size() / 2;
  n = std::min(n, rows_.n_rows());
  const size_t first = std::min(middle - std::min(middle, n / 2), rows_.n_rows() - n);
  return {first, first + n};
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
    look_nearby(query, k, n_queries() == 1 ? kFirstShare : kPilotShare);
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

size_t PopcountScan::look_one_by_one(double bytes_of_each,
                                     const std::function<void(const Queries&)>& look_for) {
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

void PopcountScan::look_nearby(const Queries& query, size_t k, size_t share) {
  for_loose_parts([&](const Scan& part) { find_nearest(query, part, k); });
  RowRange& seen = seen_[query.first];
  seen = rows_nearby(query.first, kPerResult * k + rows_.n_rows() / share + kFirstRows);
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

size_t PopcountScan::within_alone(float radius) {
  if (!tries_alone() || !choose_alone(bytes_alone(pilot(), radius) + kBytesOfChoice)) return 0;
  return look_one_by_one(kBytesOfChoice, [&](const Queries& query) {
    for_loose_parts([&](const Scan& part) { find_within(query, part, radius); });
    find_within(query, ordered_part(query, rows_within(query.first, radius)), radius);
  });
}

size_t PopcountScan::nearest_alone(size_t k) {
  if (!tries_alone()) return 0;
  const double n_bytes = kBytesOfSteps + kBytesOfResult * static_cast<double>(k);
  size_t n_alone = 0;
  if (choose_alone(bytes_alone_of_nearest(k) + n_bytes))
    n_alone = look_one_by_one(n_bytes, [&](const Queries& query) {
      if (seen_[query.first].size() == 0) look_nearby(query, k, kFirstShare);
      look_outwards(query, k);
    });
  if (n_alone <= pilot()) {
    // It looks again, together with others.
    limits_[pilot()] = limit_of(pilot(), k);
    lists_[pilot()].clear();
  }
  return n_alone;
}

}  // namespace bitindex
