#include "scan/group_scan.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <mutex>

#include "scan/group_visits.h"
#include "scan/thread_pool.h"
#include "scan/tile.h"
#include "scan/within.h"

namespace bitindex {
namespace {

// Fewer bytes of codes, counted once for each query, are not worth a task of their own.
constexpr size_t kMinTaskBytes = size_t{1} << 19;
constexpr size_t kTasksPerThread = 8;  // evens out threads of unequal speed

// Looks at the rows of one visit after the other for their queries.
class Visitor {
 public:
  Visitor(const Scan& scan, const QueryPlan& plan, const RowGroups& groups)
      : scan_(scan), groups_(groups), tile_(scan, plan) {}

  template <class Collector>
  void visit(const GroupVisit& visit, std::vector<Collector>& collectors) {
    tile_.expect(visit.n_queries);
    const size_t skipped = visit.part * GroupVisits::kPartRows;
    groups_.for_each_range(visit.group, scan_.store.n_rows(), [&](size_t row, size_t last) {
      row += skipped;
      last = std::min(last, row + GroupVisits::kPartRows);
      while (row < last && !scan_.cancel.stopped() && tile_.load(row, last))
        tile_.collect_each(visit.queries, collectors);
    });
    if (visit.part > 0) return;
    const std::vector<uint32_t>& loose = groups_.loose(visit.group);
    const uint32_t* next = loose.data();
    while (!scan_.cancel.stopped() && tile_.load_listed(next, loose.data() + loose.size()))
      tile_.collect_each(visit.queries, collectors);
  }

 private:
  const Scan& scan_;
  const RowGroups& groups_;
  Tile tile_;
};

// Ends of tasks of about the same work, as positions in `visits`.
std::vector<size_t> cut_tasks(const Scan& scan, const RowGroups& groups,
                              const std::vector<GroupVisit>& visits) {
  const size_t n_bytes = scan.store.column(0).width();
  const auto work_of = [&](const GroupVisit& visit) {
    size_t n_rows = groups.loose(visit.group).size();
    groups.for_each_range(visit.group, scan.store.n_rows(),
                          [&](size_t first, size_t last) { n_rows += last - first; });
    return std::min(n_rows, GroupVisits::kPartRows) * n_bytes * visit.n_queries;
  };
  size_t total = 0;
  for (const GroupVisit& visit : visits) total += work_of(visit);
  const size_t share = total / (scan.n_threads * kTasksPerThread);
  const size_t enough =
      scan.n_threads == 1 ? std::numeric_limits<size_t>::max() : std::max(kMinTaskBytes, share);
  std::vector<size_t> ends;
  size_t work = 0;
  for (size_t i = 0; i < visits.size(); ++i) {
    work += work_of(visits[i]);
    if (work < enough && i + 1 < visits.size()) continue;
    ends.push_back(i + 1);
    work = 0;
  }
  return ends;
}

// make(query) gives an empty collector; add(query, candidates) gets what it found in a visit, on
// any thread.
template <class Make, class Add>
void run_visits(const Scan& scan, const QueryPlan& plan, const RowGroups& groups,
                GroupVisits& chosen, Make make, Add add) {
  const std::vector<GroupVisit> visits = chosen.cut(groups, scan.store.n_rows());
  const std::vector<size_t> ends = cut_tasks(scan, groups, visits);
  run_tasks(ends.size(), scan.n_threads, scan.cancel, [&](size_t task) {
    Visitor visitor(scan, plan, groups);
    std::vector<decltype(make(size_t{0}))> collectors;
    for (size_t i = task == 0 ? 0 : ends[task - 1]; i < ends[task]; ++i) {
      const GroupVisit& visit = visits[i];
      collectors.clear();
      for (size_t j = 0; j < visit.n_queries; ++j) collectors.push_back(make(visit.queries[j]));
      visitor.visit(visit, collectors);
      for (size_t j = 0; j < visit.n_queries; ++j) {
        const std::vector<Candidate> found = collectors[j].take();
        if (!found.empty()) add(visit.queries[j], found);
      }
    }
  });
}

// What threads have found for one query.
struct Found {
  std::mutex mutex;
  std::vector<Candidate> candidates;

  void append(const std::vector<Candidate>& more) {
    candidates.insert(candidates.end(), more.begin(), more.end());
  }
};

// Calls use(plan, first query) for one batch of queries after the other.
template <class Use>
void for_each_batch(const Scan& scan, const Score& score, size_t n_queries, Use use) {
  const size_t batch = QueryPlan::most_queries(scan.store.column(0).width());
  for (size_t first = 0; first < n_queries; first += batch)
    use(QueryPlan(scan, score, first, std::min(batch, n_queries - first), 1), first);
}

// The nearest rows of each query of a batch, from which later groups learn how near rows must be.
class NearestOfBatch {
 public:
  NearestOfBatch(const Scan& scan, const QueryPlan& plan, const RowGroups& groups, size_t k)
      : scan_(scan),
        plan_(plan),
        groups_(groups),
        k_(k),
        nearer_first_(scan.store.ids()),
        limits_(plan.n_queries()),
        found_(std::make_unique<Found[]>(plan.n_queries())) {}

  void look_at(GroupVisits& visits) {
    const auto make = [&](size_t q) {
      return TopK(k_, nearer_first_, limits_[q], SharedLimit::kNoRange, false);
    };
    run_visits(scan_, plan_, groups_, visits, make,
               [&](size_t q, const std::vector<Candidate>& more) {
                 const std::lock_guard<std::mutex> lock(found_[q].mutex);
                 found_[q].append(more);
                 if (found_[q].candidates.size() >= 2 * k_) select(q);
               });
    for (size_t q = 0; q < plan_.n_queries(); ++q)
      if (found_[q].candidates.size() >= k_) select(q);
  }

  std::vector<Candidate> take(size_t q) {
    nearer_first_.sort(found_[q].candidates);
    return std::move(found_[q].candidates);
  }

 private:
  void select(size_t q) {
    std::vector<Candidate>& all = found_[q].candidates;
    nearer_first_.select(all, k_);
    all.resize(k_);
    limits_[q].publish(std::max_element(all.begin(), all.end())->key(), SharedLimit::kNoRange);
  }

  const Scan& scan_;
  const QueryPlan& plan_;
  const RowGroups& groups_;
  size_t k_;
  NearerFirst nearer_first_;
  std::vector<SharedLimit> limits_;
  std::unique_ptr<Found[]> found_;
};

}  // namespace

CandidateLists scan_groups_nearest(const Scan& scan, const Score& score, const RowGroups& groups,
                                   const GroupChoice& chosen, size_t k) {
  CandidateLists lists(chosen.size());
  if (k == 0) return lists;
  for_each_batch(scan, score, chosen.size(), [&](const QueryPlan& plan, size_t first_query) {
    NearestOfBatch nearest(scan, plan, groups, k);
    // The most promising group of each query comes first: it makes the others cheap.
    GroupVisits first(groups.n_groups()), others(groups.n_groups());
    for (size_t q = 0; q < plan.n_queries(); ++q) {
      const std::vector<uint32_t>& of_query = chosen[first_query + q];
      first.add(groups.unplaced(), q);
      for (size_t i = 0; i < of_query.size(); ++i) (i == 0 ? first : others).add(of_query[i], q);
    }
    nearest.look_at(first);
    nearest.look_at(others);
    for (size_t q = 0; q < plan.n_queries(); ++q) lists[first_query + q] = nearest.take(q);
  });
  return lists;
}

CandidateLists scan_groups_within(const Scan& scan, const Score& score, const RowGroups& groups,
                                  const GroupChoice& chosen, float radius) {
  CandidateLists lists(chosen.size());
  const NearerFirst nearer_first(scan.store.ids());
  for_each_batch(scan, score, chosen.size(), [&](const QueryPlan& plan, size_t first_query) {
    GroupVisits visits(groups.n_groups());
    for (size_t q = 0; q < plan.n_queries(); ++q) {
      visits.add(groups.unplaced(), q);
      for (const uint32_t group : chosen[first_query + q]) visits.add(group, q);
    }
    const auto found = std::make_unique<Found[]>(plan.n_queries());
    run_visits(
        scan, plan, groups, visits, [&](size_t) { return Within(radius); },
        [&](size_t q, const std::vector<Candidate>& more) {
          const std::lock_guard<std::mutex> lock(found[q].mutex);
          found[q].append(more);
        });
    for (size_t q = 0; q < plan.n_queries(); ++q) {
      nearer_first.sort(found[q].candidates);
      lists[first_query + q] = std::move(found[q].candidates);
    }
  });
  return lists;
}

}  // namespace bitindex
