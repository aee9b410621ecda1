#include "scan/scan.h"

#include <algorithm>

#include "scan/thread_pool.h"
#include "scan/tile.h"

namespace bitindex {
namespace {

// Tables of a batch are built together; those of a group stay in the second-level cache.
constexpr size_t kBatchTableBytes = size_t{16} << 20;
constexpr size_t kGroupTableBytes = size_t{192} << 10;
// Fewer bytes of codes, or fewer for each of several queries, are not worth a task of their own: a
// thread takes some 50 microseconds to wake.
constexpr size_t kMinRangeBytes = size_t{1} << 20;
constexpr size_t kMinRangeBytesOfMany = size_t{1} << 16;
constexpr size_t kTasksPerThread = 4;  // evens out threads of unequal speed

// Rows within a fixed distance: nothing to select.
class Within {
 public:
  explicit Within(float radius) : radius_(radius) {}
  float limit() const noexcept { return radius_; }
  void push(float key, uint32_t row) {
    if (key <= radius_) candidates_.push_back({key, row});
  }
  std::vector<Candidate> take() { return std::move(candidates_); }

 private:
  float radius_;
  std::vector<Candidate> candidates_;
};

struct Cut {
  size_t group_queries;  // queries of a task
  size_t range_rows;     // rows of a task
};

// Queries that share slices stay together.
size_t whole_groups(size_t n_queries) {
  constexpr size_t kGroup = SliceGroup::kMaxQueries;
  return std::max<size_t>(1, n_queries / kGroup) * kGroup;
}

Cut cut_work(size_t n_queries, size_t n_rows, size_t n_bytes, size_t n_threads) {
  Cut cut;
  cut.group_queries = whole_groups(kGroupTableBytes / (32 * n_bytes));
  const size_t n_groups = (n_queries + cut.group_queries - 1) / cut.group_queries;
  const size_t n_tasks = n_threads == 1 ? 1 : n_threads * kTasksPerThread;
  const size_t n_ranges = std::max<size_t>(1, n_tasks / n_groups);
  const size_t min_bytes = n_queries < 16 ? kMinRangeBytes : kMinRangeBytesOfMany;
  cut.range_rows = std::max(min_bytes / n_bytes + 1, (n_rows + n_ranges - 1) / n_ranges);
  return cut;
}

// Scans one batch of queries; make(n_rows, limit, range) gives an empty collector for a range of
// n_rows rows.
template <class Make>
void scan_batch(const Scan& scan, const QueryPlan& plan, Make make,
                const std::function<void(size_t, std::vector<Candidate>)>& add) {
  using Collector = decltype(make(size_t{0}, std::declval<SharedLimit&>(), size_t{0}));
  const size_t n_batch = plan.n_queries();
  const size_t n_rows = scan.store.n_rows();
  const Cut cut = cut_work(n_batch, n_rows, scan.store.column(0).width(), scan.n_threads);
  const size_t n_groups = (n_batch + cut.group_queries - 1) / cut.group_queries;
  const size_t n_ranges = (n_rows + cut.range_rows - 1) / cut.range_rows;

  std::vector<SharedLimit> limits(n_batch);
  std::vector<std::vector<Collector>> collected(n_groups * n_ranges);
  run_tasks(n_groups * n_ranges, scan.n_threads, scan.cancel, [&](size_t task) {
    const size_t first_query = task / n_ranges * cut.group_queries;
    const size_t last_query = std::min(n_batch, first_query + cut.group_queries);
    const size_t range = task % n_ranges;
    size_t row = range * cut.range_rows;
    const size_t last_row = std::min(n_rows, row + cut.range_rows);
    std::vector<Collector>& collectors = collected[task];
    for (size_t q = first_query; q < last_query; ++q)
      collectors.push_back(make(last_row - row, limits[q], range));
    Tile tile(scan, plan);
    while (!scan.cancel.stopped() && tile.load(row, last_row))
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

template <class Make>
CandidateLists scan_all(const Scan& scan, const Score& score, size_t n_queries, size_t k,
                        Make make) {
  CandidateLists lists(n_queries);
  const size_t n_bytes = scan.store.column(0).width();
  const size_t batch = whole_groups(kBatchTableBytes / (32 * n_bytes));
  const NearerFirst nearer_first(scan.store.ids());
  for (size_t first = 0; first < n_queries && k > 0; first += batch) {
    const size_t n_batch = std::min(batch, n_queries - first);
    const QueryPlan plan(scan, score, first, n_batch);
    scan_batch(scan, plan, make, [&](size_t q, std::vector<Candidate> all) {
      if (all.size() > k) {
        std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k), all.end(),
                         nearer_first);
        all.resize(k);
      }
      std::sort(all.begin(), all.end(), nearer_first);
      lists[first + q] = std::move(all);
    });
  }
  return lists;
}

}  // namespace

CandidateLists scan_nearest(const Scan& scan, const Score& score, size_t n_queries, size_t k) {
  const NearerFirst nearer_first(scan.store.ids());
  return scan_all(scan, score, n_queries, k, [&](size_t n_rows, SharedLimit& shared, size_t range) {
    return TopK(std::min(k, n_rows), nearer_first, shared, range);
  });
}

CandidateLists scan_within(const Scan& scan, const Score& score, size_t n_queries, float radius) {
  const size_t everything = scan.store.n_rows();
  return scan_all(scan, score, n_queries, everything,
                  [&](size_t, SharedLimit&, size_t) { return Within(radius); });
}

}  // namespace bitindex
