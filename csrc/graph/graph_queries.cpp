#include "graph/graph_queries.h"

#include <algorithm>
#include <limits>

#include "graph/collectors.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr size_t kQueriesPerTask = 16;
// For each row that it keeps, a search takes as long as a scan of so many rows.
constexpr size_t kScannedPerKept = 128;
// A row that a walk sees takes as long as so many of a scan for one query.
constexpr size_t kScannedPerSeen = 4;
constexpr size_t kScannedTogether = 64;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

float kth_key(std::vector<Candidate>& candidates, size_t k) {
  const auto kth = candidates.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(candidates.begin(), kth, candidates.end());
  return kth->key();
}

}  // namespace

bool GraphQueries::scan_is_cheaper() const noexcept {
  if (!entry_.has_value()) return true;
  const auto n_allowed = static_cast<double>(scan_.filter.n_allowed());
  const auto n_linked = static_cast<double>(graph_.n_linked());
  const double n_unlinked = static_cast<double>(scan_.store.n_rows()) - n_linked;
  // A walk sees so many more rows than it keeps as there are for each allowed one.
  const double walk = static_cast<double>(width_) * kScannedPerKept * n_linked;
  return walk >= n_allowed * (n_allowed - kScannedPerSeen * n_unlinked);
}

size_t GraphQueries::most_seen() const noexcept {
  return scan_.filter.n_allowed() / kScannedPerSeen;
}

template <class Answer>
CandidateLists GraphQueries::answer_each(size_t n_queries, Answer answer) const {
  CandidateLists lists(n_queries);
  const NearerFirst nearer_first(scan_.store.ids());
  run_tasks((n_queries + kQueriesPerTask - 1) / kQueriesPerTask, scan_.n_threads, scan_.cancel,
            [&](size_t task) {
              GraphSearch search(graph_, scan_.kernels, scan_.store, score_);
              Beam beam;
              const size_t last = std::min(n_queries, (task + 1) * kQueriesPerTask);
              for (size_t q = task * kQueriesPerTask; q < last && !scan_.cancel.stopped(); ++q) {
                search.set_query(q);
                lists[q] = answer(search, beam);
                nearer_first.sort(lists[q]);
              }
            });
  return lists;
}

CandidateLists GraphQueries::find_nearest(size_t n_queries, size_t k) const {
  CandidateLists lists = answer_each(
      n_queries, [&](GraphSearch& search, Beam& beam) { return nearest(search, beam, k); });
  for (auto& list : lists) list.resize(std::min(k, list.size()));
  return lists;
}

CandidateLists GraphQueries::find_within(size_t n_queries, float radius) const {
  return answer_each(n_queries, [&](GraphSearch& search, Beam&) { return within(search, radius); });
}

std::vector<Candidate> GraphQueries::nearest(GraphSearch& search, Beam& beam, size_t k) const {
  const Candidate from = search.descend(*entry_, 0);
  std::vector<Candidate> found;
  if (scan_.filter.allows_all()) {
    search.find_nearest(0, from, width_, beam);
    beam.copy_to(found);
  } else {
    NearestAllowed collector(width_, [this](uint32_t row) { return allows_any(row); });
    if (!search.explore(from, most_seen(), collector)) return scan_nearest(search.keys(), k);
    found = collector.take();
  }
  // Rows of the same code may have scales of their own: any of them may be the nearest then.
  const size_t most = score_.bounds_sums() ? width_ : scan_.store.n_rows();
  add_twins(search.keys(), kInfinity, most, found);
  add_unlinked(search.keys(), found.size() < k ? kInfinity : kth_key(found, k), found);
  return found.size() < k ? scan_nearest(search.keys(), k) : found;
}

std::vector<Candidate> GraphQueries::within(GraphSearch& search, float radius) const {
  Within collector(radius, width_);
  if (!search.explore(search.descend(*entry_, 0), most_seen(), collector))
    return scan_within(search.keys(), radius);
  std::vector<Candidate> found = collector.take();
  add_twins(search.keys(), radius, scan_.store.n_rows(), found);
  add_unlinked(search.keys(), radius, found);
  return found;
}

bool GraphQueries::allows_any(uint32_t row) const {
  bool found = allows(row);
  if (!found) graph_.for_twins_of(row, [&](uint32_t twin) { return !(found = allows(twin)); });
  return found;
}

void GraphQueries::add_twins(RowKeys& keys, float limit, size_t most,
                             std::vector<Candidate>& found) const {
  std::vector<uint32_t> twins;
  if (graph_.has_twins()) {
    std::sort(found.begin(), found.end());
    for (size_t i = 0; i < found.size() && i + twins.size() < most; ++i)
      graph_.for_twins_of(found[i].row(), [&](uint32_t twin) {
        if (allows(twin)) twins.push_back(twin);
        return i + twins.size() < most;
      });
  }
  found.erase(std::remove_if(found.begin(), found.end(),
                             [this](const Candidate& c) { return !allows(c.row()); }),
              found.end());
  add_rows(keys, twins, limit, found);
}

void GraphQueries::add_rows(RowKeys& keys, const std::vector<uint32_t>& rows, float limit,
                            std::vector<Candidate>& found) const {
  std::vector<Candidate> near;
  keys.within(rows.data(), rows.data(), rows.size(), limit, near);
  for (const Candidate& candidate : near)
    if (candidate.key() <= limit) found.push_back(candidate);
}

template <class Use>
void GraphQueries::for_allowed_rows(Use use) const {
  const size_t n_rows = scan_.store.n_rows();
  uint32_t rows[kScannedTogether];
  for (size_t next = 0; next < n_rows && !scan_.cancel.stopped();) {
    size_t n = 0;
    if (scan_.filter.allows_all())
      while (n < kScannedTogether && next < n_rows) rows[n++] = static_cast<uint32_t>(next++);
    else
      n = scan_.filter.next_rows(next, n_rows, kScannedTogether, rows);
    use(rows, n);
  }
}

std::vector<Candidate> GraphQueries::scan_nearest(RowKeys& keys, size_t k) const {
  SharedLimit shared;
  TopK nearest(k, NearerFirst(scan_.store.ids()), shared, 0);
  std::vector<Candidate> near;
  for_allowed_rows([&](const uint32_t* rows, size_t n) {
    near.clear();
    keys.within(rows, rows, n, nearest.limit(), near);
    for (const Candidate& candidate : near) nearest.push(candidate.key(), candidate.row());
  });
  return nearest.take();
}

std::vector<Candidate> GraphQueries::scan_within(RowKeys& keys, float radius) const {
  std::vector<Candidate> found, near;
  for_allowed_rows([&](const uint32_t* rows, size_t n) {
    near.clear();
    keys.within(rows, rows, n, radius, near);
    for (const Candidate& candidate : near)
      if (candidate.key() <= radius) found.push_back(candidate);
  });
  return found;
}

void GraphQueries::add_unlinked(RowKeys& keys, float limit,
                                std::vector<Candidate>& candidates) const {
  if (scan_.store.n_rows() == graph_.n_linked()) return;
  std::vector<uint32_t> rows = graph_.pending();
  for (size_t row = graph_.n_rows(); row < scan_.store.n_rows(); ++row)
    rows.push_back(static_cast<uint32_t>(row));
  rows.erase(std::remove_if(rows.begin(), rows.end(), [&](uint32_t row) { return !allows(row); }),
             rows.end());
  add_rows(keys, rows, limit, candidates);
}

}  // namespace bitindex
