#include "scan/rank_rows.h"

#include <algorithm>

#include "scan/bit_ranker.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

// Of more, all of which are counted, the scan counts slices in less time.
constexpr size_t kMostRows = size_t{1} << 16;
// Queries that share what is read of the rows, a first-level cache full of them at a time.
constexpr size_t kQueriesTogether = 8;
constexpr size_t kTogetherPerTask = 4;
bool suits(const Scan& scan, const RankedRows& rows, const Score& score) {
  return rows.n_rows() == scan.store.n_rows() && rows.n_rows() <= kMostRows &&
         ranks_by_tally(score, scan.store.column(0).width()) && scan.filter.allows_all() &&
         scan.store.ids().ascending();
}

// Calls use(ranker, query, i) for all queries, of which the ranker has counted the i-th.
template <class Use>
void for_each_query(const Scan& scan, const RankedRows& rows, const Score& score, size_t n_queries,
                    size_t k, const Use& use) {
  constexpr size_t kPerTask = kQueriesTogether * kTogetherPerTask;
  run_tasks((n_queries + kPerTask - 1) / kPerTask, scan.n_threads, scan.cancel, [&](size_t task) {
    BitRanker ranker(rows, scan.kernels, score, k, std::min(kQueriesTogether, n_queries));
    const size_t last = std::min(n_queries, (task + 1) * kPerTask);
    for (size_t first = task * kPerTask; first < last; first += kQueriesTogether)
      ranker.count(first, std::min(kQueriesTogether, last - first),
                   [&](size_t i) { use(ranker, first + i, i); });
  });
}

// The lists that list_of(ranker, i) makes of the i-th query that the ranker has counted.
template <class ListOf>
CandidateLists rank_lists(const Scan& scan, const RankedRows& rows, const Score& score,
                          size_t n_queries, size_t k, const ListOf& list_of) {
  k = std::min(k, scan.store.n_rows());
  if (!suits(scan, rows, score) || k == 0) return scan_nearest(scan, score, n_queries, k);
  CandidateLists lists(n_queries);
  for_each_query(scan, rows, score, n_queries, k,
                 [&](BitRanker& ranker, size_t q, size_t i) { lists[q] = list_of(ranker, i); });
  return lists;
}

}  // namespace

CandidateLists rank_rows(const Scan& scan, const RankedRows& rows, const Score& score,
                         size_t n_queries, size_t k) {
  return rank_lists(scan, rows, score, n_queries, k,
                    [](BitRanker& ranker, size_t i) { return ranker.k_nearest(i); });
}

CandidateLists near_rows(const Scan& scan, const RankedRows& rows, const Score& score,
                         size_t n_queries, size_t k) {
  return rank_lists(scan, rows, score, n_queries, k,
                    [](BitRanker& ranker, size_t i) { return ranker.near(i); });
}

std::vector<Candidate> nearest_rows(const Scan& scan, const RankedRows& rows, const Score& score,
                                    size_t n_queries) {
  std::vector<Candidate> nearest(n_queries);
  if (suits(scan, rows, score)) {
    for_each_query(scan, rows, score, n_queries, 1,
                   [&](BitRanker& ranker, size_t q, size_t i) { nearest[q] = ranker.nearest(i); });
  } else {
    const CandidateLists lists = scan_nearest(scan, score, n_queries, 1);
    std::transform(lists.begin(), lists.end(), nearest.begin(),
                   [](const std::vector<Candidate>& list) { return list.front(); });
  }
  return nearest;
}

}  // namespace bitindex
