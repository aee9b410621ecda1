#include "index/residual_index.h"

#include <algorithm>

#include "index/list_choice.h"
#include "scan/group_scan.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

size_t checked_lists(size_t n_lists) {
  if (n_lists == 0) throw std::invalid_argument("n_lists must be >= 1, got 0");
  return n_lists;
}

// Of each query the n lists whose similarities times their factors are the largest.
CandidateLists rank_lists(const Scan& scan, const ListSimilarities& lists, size_t n_queries,
                          size_t n) {
  constexpr size_t kQueriesPerTask = 32;
  CandidateLists ranked(n_queries);
  run_tasks((n_queries + kQueriesPerTask - 1) / kQueriesPerTask, scan.n_threads, scan.cancel,
            [&](size_t task) {
              std::vector<Candidate> all(lists.n_lists);
              const auto nth = all.begin() + static_cast<std::ptrdiff_t>(n);
              const size_t last = std::min(n_queries, (task + 1) * kQueriesPerTask);
              for (size_t q = task * kQueriesPerTask; q < last; ++q) {
                const float* values = lists.values + q * lists.n_lists;
                for (size_t list = 0; list < lists.n_lists; ++list)
                  all[list] = {-values[list] * lists.factors[list], static_cast<uint32_t>(list)};
                std::nth_element(all.begin(), nth, all.end());
                ranked[q].assign(all.begin(), nth);
                std::sort(ranked[q].begin(), ranked[q].end());
              }
            });
  return ranked;
}

}  // namespace

ResidualIndex::ResidualIndex(const IndexLayout& layout, size_t n_lists)
    : ListIndex(layout, RowGroups(std::vector<size_t>(checked_lists(n_lists) + 1, 0))),
      n_lists_(n_lists) {}

CandidateLists ResidualIndex::find_nearest(const Scan& scan, const QueryBatch& queries,
                                           size_t k) const {
  if (k == 0) return CandidateLists(queries.n);
  if (queries.lists.n_lists != n_lists_)
    throw std::invalid_argument("codes of residuals have no distances of their own");
  const auto score = queries.score(scan.store);
  const ListChoice choice(scan, groups_, [&](size_t n, float) {
    return rank_lists(scan, queries.lists, queries.n, n);
  });
  const size_t n_probes = std::clamp<size_t>(queries.effort, 1, n_lists_);
  const Reach reach = {n_probes}, all = {n_lists_};
  const CandidateLists lists = choice.nearest(choice.is_tight(reach) ? all : reach, k);
  return scan_groups_nearest(scan, *score, groups_, list_numbers(lists), k, queries.lists.values);
}

CandidateLists ResidualIndex::find_within(const Scan&, const QueryBatch&, float) const {
  throw std::invalid_argument("codes of residuals have no distances of their own");
}

void ResidualIndex::make_room(const NewRows& rows, const RowsWritten& written) {
  for (size_t i = 0; i < written.replaced.size(); ++i)
    if (groups_.group_of(written.replaced[i]) != rows.lists[written.replaced_by[i]])
      groups_.loosen(written.replaced[i]);
  groups_.reserve(rows.lists, rows.n);
}

void ResidualIndex::rows_written(const NewRows& rows, const RowsWritten& written, Cancel&) {
  size_t n_replaced = 0;
  for (size_t i = 0; i < rows.n; ++i) {
    if (n_replaced < written.replaced.size() && written.replaced_by[n_replaced] == i)
      groups_.move(written.replaced[n_replaced++], rows.lists[i]);
    else
      groups_.append(rows.lists[i]);
  }
  put_in_order_if_loose();
}

std::vector<uint32_t> ResidualIndex::structure() const {
  const auto guard = lock().read();
  return list_sizes();
}

void ResidualIndex::restore_structure(const std::vector<uint32_t>& sizes) {
  if (sizes.size() != n_lists_)
    throw std::invalid_argument("section 'structure/sizes' must hold " + std::to_string(n_lists_) +
                                " numbers, got " + std::to_string(sizes.size()));
  const auto guard = lock().write();
  RowGroups groups = lists_of_sizes(sizes);
  if (groups.n_ordered() != store().n_rows())
    throw std::invalid_argument("section 'structure/sizes' must add up to " +
                                std::to_string(store().n_rows()) + " rows, got " +
                                std::to_string(groups.n_ordered()));
  groups_ = std::move(groups);
}

}  // namespace bitindex
