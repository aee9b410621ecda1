// Looks at groups of rows for the queries that chose them, one visit after the other.
#pragma once

#include <algorithm>
#include <vector>

#include "codes/prefetch.h"
#include "scan/group_visits.h"
#include "scan/thread_pool.h"
#include "scan/tile.h"

namespace bitindex {

// Looks at the rows of one visit after the other for their queries.
class Visitor {
 public:
  Visitor(const Scan& scan, const QueryPlan& plan, const RowGroups& groups)
      : scan_(scan), groups_(groups), tile_(scan, plan) {}

  // `next`: the visit after this one, or null.
  template <class Collector>
  void visit(const GroupVisit& visit, const GroupVisit* next, Collector* collectors) {
    const size_t skipped = visit.part * GroupVisits::kPartRows;
    groups_.for_each_range(visit.group, scan_.store.n_rows(), [&](size_t row, size_t last) {
      row += skipped;
      last = std::min(last, row + GroupVisits::kPartRows);
      while (row < last && !scan_.cancel.stopped() && tile_.load(row, last))
        tile_.collect_each(visit.queries, visit.n_queries, collectors,
                           row < last ? rows_from(row, last) : rows_of(next));
    });
    if (visit.part > 0) return;
    const std::vector<uint32_t>& loose = groups_.loose(visit.group);
    const uint32_t* listed = loose.data();
    while (!scan_.cancel.stopped() && tile_.load_listed(listed, loose.data() + loose.size()))
      tile_.collect_each(visit.queries, visit.n_queries, collectors, {});
  }

 private:
  Upcoming rows_from(size_t row, size_t last) const {
    if (!scan_.filter.allows_all()) return {};
    const Column& codes = scan_.store.column(0);
    return {codes.row(row), std::min(last - row, tile_.capacity()) * codes.width()};
  }
  Upcoming rows_of(const GroupVisit* visit) const {
    if (visit == nullptr || visit->group == groups_.unplaced()) return {};
    const size_t first = groups_.starts()[visit->group] + visit->part * GroupVisits::kPartRows;
    return rows_from(first, groups_.starts()[visit->group + 1]);
  }

  const Scan& scan_;
  const RowGroups& groups_;
  Tile tile_;
};

// Ends of tasks of about the same work, as positions in `visits`.
std::vector<size_t> cut_tasks(const Scan& scan, const RowGroups& groups,
                              const std::vector<GroupVisit>& visits);

// begin(query, group, collector) readies a collector for a visit, a copy of `collector` or one that
// has served before; end(query, collector) takes out what it has found there, on any thread.
template <class Collector, class Begin, class End>
void run_visits(const Scan& scan, const QueryPlan& plan, const RowGroups& groups,
                GroupVisits& chosen, const Collector& collector, Begin begin, End end) {
  const std::vector<GroupVisit> visits = chosen.cut(groups, scan.store.n_rows());
  const std::vector<size_t> ends = cut_tasks(scan, groups, visits);
  size_t n_together = 0;
  for (const GroupVisit& visit : visits) n_together = std::max(n_together, visit.n_queries);
  run_tasks(ends.size(), scan.n_threads, scan.cancel, [&](size_t task) {
    Visitor visitor(scan, plan, groups);
    std::vector<Collector> collectors(n_together, collector);
    for (size_t i = task == 0 ? 0 : ends[task - 1]; i < ends[task]; ++i) {
      const GroupVisit& visit = visits[i];
      for (size_t j = 0; j < visit.n_queries; ++j)
        begin(visit.queries[j], visit.group, collectors[j]);
      visitor.visit(visit, i + 1 < ends[task] ? &visits[i + 1] : nullptr, collectors.data());
      for (size_t j = 0; j < visit.n_queries; ++j) end(visit.queries[j], collectors[j]);
    }
  });
}

}  // namespace bitindex
