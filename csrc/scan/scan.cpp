#include "scan/scan.h"

#include <algorithm>
#include <cmath>

#include "scan/thread_pool.h"
#include "scan/tile.h"
#include "scan/within.h"

namespace bitindex {
namespace {

// What a group of queries needs stays near the CPU.
constexpr size_t kGroupBytes = size_t{320} << 10;
constexpr size_t kMinGuessedK = 64;
// Fewer bytes of codes, or fewer for each of several queries, are not worth a task of their own: a
// thread takes some 50 microseconds to wake.
constexpr size_t kMinRangeBytes = size_t{1} << 20;
constexpr size_t kMinRangeBytesOfMany = size_t{1} << 16;
constexpr size_t kTasksPerThread = 4;  // evens out threads of unequal speed

struct Cut {
  size_t group_queries;  // queries of a task
  size_t range_rows;     // rows of a task
};

// Queries that share slices stay together.
size_t whole_groups(size_t n_queries) {
  constexpr size_t kGroup = SliceGroup::kMaxQueries;
  return std::max<size_t>(1, n_queries / kGroup) * kGroup;
}

Cut cut_work(const QueryPlan& plan, size_t n_rows, size_t n_bytes, size_t n_threads) {
  const size_t n_queries = plan.n_queries();
  Cut cut;
  cut.group_queries = whole_groups(kGroupBytes / plan.bytes_per_query());
  const size_t n_groups = (n_queries + cut.group_queries - 1) / cut.group_queries;
  const size_t n_tasks = n_threads == 1 ? 1 : n_threads * kTasksPerThread;
  const size_t n_ranges = std::max<size_t>(1, n_tasks / n_groups);
  const size_t min_bytes = n_queries < 16 ? kMinRangeBytes : kMinRangeBytesOfMany;
  cut.range_rows = std::max(min_bytes / n_bytes + 1, (n_rows + n_ranges - 1) / n_ranges);
  return cut;
}

// Scans one batch of queries; make(query, range, n_rows, ascending) gives an empty collector for a
// range of n_rows rows, which come in ascending order or not. add(query, candidates) gets what a
// query's collectors found, in no order.
template <class Make, class Add>
void scan_batch(const Scan& scan, const QueryPlan& plan, Make make, Add add) {
  using Collector = decltype(make(size_t{0}, size_t{0}, size_t{0}, true));
  const size_t n_batch = plan.n_queries();
  const size_t first_row = scan.rows.first;
  const size_t end_row = std::min(scan.rows.last, scan.store.n_rows());
  const size_t n_rows = end_row - std::min(first_row, end_row);
  const Column& read =
      scan.folded == nullptr ? scan.store.column(0) : scan.folded->codes.levels().back();
  const Cut cut = cut_work(plan, n_rows, read.width(), scan.n_threads);
  const size_t n_groups = (n_batch + cut.group_queries - 1) / cut.group_queries;
  const size_t n_ranges = (n_rows + cut.range_rows - 1) / cut.range_rows;

  const size_t first_range =
      n_ranges == 0 ? 0
                    : (std::clamp(scan.start, first_row, end_row - 1) - first_row) / cut.range_rows;

  std::vector<std::vector<Collector>> collected(n_groups * n_ranges);
  run_tasks(n_groups * n_ranges, scan.n_threads, scan.cancel, [&](size_t task) {
    const size_t first_query = task / n_ranges * cut.group_queries;
    const size_t last_query = std::min(n_batch, first_query + cut.group_queries);
    const size_t range = (task + first_range) % n_ranges;
    const size_t row = first_row + range * cut.range_rows;
    const size_t last_row = std::min(end_row, row + cut.range_rows);
    const size_t start = scan.start < last_row ? std::max(row, scan.start) : row;
    std::vector<Collector>& collectors = collected[task - task % n_ranges + range];
    for (size_t q = first_query; q < last_query; ++q)
      collectors.push_back(make(q, range, last_row - row, start == row));
    Tile tile(scan, plan);
    for (RowRange rows : {RowRange{start, last_row}, RowRange{row, start}})
      while (!scan.cancel.stopped() && tile.load(rows.first, rows.last))
        tile.collect(first_query, last_query, collectors);
  });
  run_tasks(n_batch, scan.n_threads, scan.cancel, [&](size_t q) {
    std::vector<Candidate> all;
    for (size_t range = 0; range < n_ranges; ++range) {
      const size_t task = q / cut.group_queries * n_ranges + range;
      const std::vector<Candidate> part = collected[task][q % cut.group_queries].take();
      all.insert(all.end(), part.begin(), part.end());
    }
    add(q, std::move(all));
  });
}

// Calls use(plan, lists) for one batch of queries after the other and their part of the result.
template <class Use>
CandidateLists for_each_batch(const Scan& scan, const Score& score, size_t n_queries, Use use) {
  CandidateLists lists(n_queries);
  const size_t batch = QueryPlan::most_queries(scan.store.column(0).width());
  for (size_t first = 0; first < n_queries; first += batch) {
    const QueryPlan plan(scan, score, first, std::min(batch, n_queries - first));
    use(plan, lists.data() + first);
  }
  return lists;
}

// Rows with keys beyond `limits` are passed over.
void find_k_nearest(const Scan& scan, const QueryPlan& plan, size_t k,
                    std::vector<SharedLimit>& limits, std::vector<Candidate>* lists) {
  const NearerFirst nearer_first(scan.store.ids());
  const auto make = [&](size_t q, size_t range, size_t n_rows, bool ascending) {
    return TopK(std::min(k, n_rows), nearer_first, limits[q], range, ascending);
  };
  scan_batch(scan, plan, make, [&](size_t q, std::vector<Candidate> all) {
    nearer_first.select(all, k);
    all.resize(std::min(k, all.size()));
    nearer_first.sort(all);
    lists[q] = std::move(all);
  });
}

// Guesses how far the k-th nearest rows are at most, from a sample of the rows, and lowers `limits`
// to that. Without it, about k (1 + log(n / k)) rows come within the limit before it is tight,
// which is dear for large k. Returns which queries have a guess.
std::vector<bool> guess_limits(const Scan& scan, const QueryPlan& plan, size_t k,
                               std::vector<SharedLimit>& limits) {
  const double share = static_cast<double>(k) / RowFilter::kSampleShare;
  // So many of the k are in the sample, or fewer, but for one sample in ten thousand.
  const auto rank = static_cast<size_t>(share + 4.0 * std::sqrt(share) + 4.0);
  std::vector<bool> guessed(plan.n_queries(), false);
  // A scan for few queries waits for memory anyway, and the sample is far apart there.
  if (plan.method() == Method::kRows) return guessed;
  if (k < kMinGuessedK || scan.filter.n_allowed() < 4 * rank * RowFilter::kSampleShare)
    return guessed;
  const RowFilter sample = scan.filter.sample(scan.store.n_rows());
  const Scan sampled = {scan.store,  scan.kernels, sample,       scan.n_threads,
                        scan.cancel, scan.rows,    scan.by_size, scan.folded};
  std::vector<SharedLimit> limits_of_sample(plan.n_queries());
  for (size_t q = 0; q < limits.size(); ++q)
    limits_of_sample[q].publish(limits[q].key(), SharedLimit::kNoRange);
  CandidateLists lists(plan.n_queries());
  find_k_nearest(sampled, plan, rank, limits_of_sample, lists.data());
  for (size_t q = 0; q < lists.size(); ++q) {
    guessed[q] = lists[q].size() == rank && lists[q].back().key() < limits[q].key();
    if (guessed[q]) limits[q].publish(lists[q].back().key(), SharedLimit::kNoRange);
  }
  return guessed;
}

}  // namespace

CandidateLists scan_nearest(const Scan& scan, const Score& score, size_t n_queries, size_t k,
                            const float* known_limits) {
  const size_t n_results = std::min(k, scan.filter.n_allowed());
  if (n_results == 0) return CandidateLists(n_queries);
  const auto use = [&](const QueryPlan& plan, std::vector<Candidate>* lists) {
    const auto begin = [&] {
      std::vector<SharedLimit> limits(plan.n_queries());
      for (size_t q = 0; known_limits != nullptr && q < limits.size(); ++q)
        limits[q].publish(known_limits[plan.number_in_score(q)], SharedLimit::kNoRange);
      return limits;
    };
    std::vector<SharedLimit> limits = begin();
    const std::vector<bool> guessed = guess_limits(scan, plan, n_results, limits);
    find_k_nearest(scan, plan, n_results, limits, lists);
    bool too_tight = false;
    for (size_t q = 0; q < guessed.size(); ++q)
      too_tight = too_tight || (guessed[q] && lists[q].size() < n_results);
    if (!too_tight) return;
    limits = begin();
    find_k_nearest(scan, plan, n_results, limits, lists);
  };
  return for_each_batch(scan, score, n_queries, use);
}

CandidateLists scan_within(const Scan& scan, const Score& score, size_t n_queries, float radius) {
  const NearerFirst nearer_first(scan.store.ids());
  const auto make = [&](size_t, size_t, size_t, bool) { return Within(radius); };
  return for_each_batch(scan, score, n_queries,
                        [&](const QueryPlan& plan, std::vector<Candidate>* lists) {
                          scan_batch(scan, plan, make, [&](size_t q, std::vector<Candidate> all) {
                            nearer_first.sort(all);
                            lists[q] = std::move(all);
                          });
                        });
}

}  // namespace bitindex
