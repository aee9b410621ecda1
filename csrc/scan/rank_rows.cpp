#include "scan/rank_rows.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "scan/bit_tally.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr size_t kMostRows = size_t{1} << 16;  // of more the scan counts slices in less time
// Queries that share what is read of the rows, a first-level cache full of them at a time.
constexpr size_t kQueriesTogether = 8;
constexpr size_t kTogetherPerTask = 4;
constexpr size_t kTileBytes = size_t{16} << 10;
constexpr size_t kSampleShare = 8;

class BitRanker {
 public:
  // For at most n_together queries at a time.
  BitRanker(const Scan& scan, const WordBlocks& blocks, const Score& score, size_t n_together)
      : kernels_(scan.kernels),
        blocks_(blocks),
        score_(score),
        n_rows_(blocks.n_rows()),
        stride_(blocks.n_blocks() * kWordRows),
        counts_(new uint32_t[n_together * stride_]),
        positions_(n_rows_ + 16),
        tally_(scan.store.column(0).width()) {}

  // Counts for n queries from `first` on.
  void count(size_t first, size_t n) {
    first_query_ = first;
    const size_t step = std::max<size_t>(1, kTileBytes / blocks_.block_bytes());
    for (size_t block = 0; block < blocks_.n_blocks(); block += step)
      for (size_t i = 0; i < n; ++i)
        blocks_.count(kernels_, score_.bit_counts()->query(first + i), block,
                      std::min(step, blocks_.n_blocks() - block), counts_of(i) + block * kWordRows);
  }
  // The nearest row of the i-th of them.
  Candidate nearest(size_t i) { return candidate(i, kernels_.first_least(counts_of(i), n_rows_)); }
  // Its k nearest rows and few others, in no order.
  std::vector<Candidate> near(size_t i, size_t k) {
    size_t n = select(i, limit_guess(i, k));
    if (n < k) n = select(i, tally_.bits_within(counts_of(i), n_rows_, k));
    std::vector<Candidate> found;
    found.reserve(n);
    for (size_t j = 0; j < n; ++j) found.push_back(candidate(i, positions_[j]));
    return found;
  }
  // Its k nearest rows.
  std::vector<Candidate> nearest(size_t i, size_t k) {
    std::vector<Candidate> found = near(i, k);
    const auto kth = found.begin() + static_cast<std::ptrdiff_t>(std::min(k, found.size()));
    std::nth_element(found.begin(), kth, found.end());
    found.erase(kth, found.end());
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  uint32_t* counts_of(size_t i) { return counts_.get() + i * stride_; }
  Candidate candidate(size_t i, size_t row) {
    return {score_.key(first_query_ + i, counts_of(i)[row], row), static_cast<uint32_t>(row)};
  }
  // Hardly ever too few bits for k rows, and seldom enough for many more. A tally of all rows would
  // take long.
  uint32_t limit_guess(size_t i, size_t k) {
    if (k <= BitTally::kMostBoundRank) return tally_.bound(kernels_, counts_of(i), n_rows_, k);
    const double share = static_cast<double>(k) / kSampleShare;
    const auto rank = static_cast<size_t>(share + 3.0 * std::sqrt(share) + 2.0);
    return tally_.bits_within(counts_of(i), n_rows_, std::min(k, rank), kSampleShare);
  }
  size_t select(size_t i, uint32_t bits) {
    return kernels_.select_at_most(counts_of(i), n_rows_, bits, positions_.data());
  }

  const KernelTable& kernels_;
  const WordBlocks& blocks_;
  const Score& score_;
  size_t n_rows_;
  size_t stride_;
  size_t first_query_ = 0;
  std::unique_ptr<uint32_t[]> counts_;  // not set to zero, which would take a tenth of the time
  std::vector<uint32_t> positions_;
  BitTally tally_;
};

bool suits(const Scan& scan, const WordBlocks& blocks, const Score& score) {
  return blocks.n_rows() == scan.store.n_rows() && blocks.n_rows() <= kMostRows &&
         ranks_by_tally(score, scan.store.column(0).width()) && scan.filter.allows_all() &&
         scan.store.ids().ascending();
}

// Calls use(ranker, query, i) for all queries, of which the ranker has counted the i-th.
template <class Use>
void for_each_query(const Scan& scan, const WordBlocks& blocks, const Score& score,
                    size_t n_queries, const Use& use) {
  constexpr size_t kPerTask = kQueriesTogether * kTogetherPerTask;
  run_tasks((n_queries + kPerTask - 1) / kPerTask, scan.n_threads, scan.cancel, [&](size_t task) {
    BitRanker ranker(scan, blocks, score, std::min(kQueriesTogether, n_queries));
    const size_t last = std::min(n_queries, (task + 1) * kPerTask);
    for (size_t first = task * kPerTask; first < last; first += kQueriesTogether) {
      const size_t n = std::min(kQueriesTogether, last - first);
      ranker.count(first, n);
      for (size_t i = 0; i < n; ++i) use(ranker, first + i, i);
    }
  });
}

// The lists that list_of(ranker, i, k) makes of the i-th query that the ranker has counted.
template <class ListOf>
CandidateLists rank_lists(const Scan& scan, const WordBlocks& blocks, const Score& score,
                          size_t n_queries, size_t k, const ListOf& list_of) {
  k = std::min(k, scan.store.n_rows());
  if (!suits(scan, blocks, score) || k == 0) return scan_nearest(scan, score, n_queries, k);
  CandidateLists lists(n_queries);
  for_each_query(scan, blocks, score, n_queries,
                 [&](BitRanker& ranker, size_t q, size_t i) { lists[q] = list_of(ranker, i, k); });
  return lists;
}

}  // namespace

CandidateLists rank_rows(const Scan& scan, const WordBlocks& blocks, const Score& score,
                         size_t n_queries, size_t k) {
  return rank_lists(scan, blocks, score, n_queries, k,
                    [](BitRanker& ranker, size_t i, size_t n) { return ranker.nearest(i, n); });
}

CandidateLists near_rows(const Scan& scan, const WordBlocks& blocks, const Score& score,
                         size_t n_queries, size_t k) {
  return rank_lists(scan, blocks, score, n_queries, k,
                    [](BitRanker& ranker, size_t i, size_t n) { return ranker.near(i, n); });
}

std::vector<Candidate> nearest_rows(const Scan& scan, const WordBlocks& blocks, const Score& score,
                                    size_t n_queries) {
  std::vector<Candidate> nearest(n_queries);
  if (suits(scan, blocks, score)) {
    for_each_query(scan, blocks, score, n_queries,
                   [&](BitRanker& ranker, size_t q, size_t i) { nearest[q] = ranker.nearest(i); });
  } else {
    const CandidateLists lists = scan_nearest(scan, score, n_queries, 1);
    std::transform(lists.begin(), lists.end(), nearest.begin(),
                   [](const std::vector<Candidate>& list) { return list.front(); });
  }
  return nearest;
}

}  // namespace bitindex
