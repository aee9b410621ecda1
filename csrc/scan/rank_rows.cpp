#include "scan/rank_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "scan/bit_tally.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr size_t kMostRows = size_t{1} << 16;
constexpr size_t kQueriesPerTask = 32;

class BitRanker {
 public:
  BitRanker(const Scan& scan, const Score& score)
      : scan_(scan),
        score_(score),
        n_rows_(scan.store.n_rows()),
        n_bytes_(scan.store.column(0).width()),
        counts_(n_rows_),
        positions_(n_rows_ + 16),
        tally_(n_bytes_) {}

  std::vector<Candidate> nearest(size_t q, size_t k) {
    scan_.kernels.xor_count_rows(score_.bit_counts()->query(q), scan_.store.column(0).data(),
                                 n_rows_, n_bytes_, counts_.data());
    if (k == 1) {
      const size_t row = first_of_nearest();
      return {{score_.key(q, counts_[row], row), static_cast<uint32_t>(row)}};
    }
    // A sample tells nearly as well where to cut, and is tallied sooner.
    const double share = static_cast<double>(k) / kSampleShare;
    const auto rank = static_cast<size_t>(share + 4.0 * std::sqrt(share) + 4.0);
    size_t n = select(tally_.bits_within(counts_.data(), n_rows_, rank, kSampleShare));
    if (n < k) n = select(tally_.bits_within(counts_.data(), n_rows_, k));
    std::vector<Candidate> found;
    found.reserve(n);
    for (size_t i = 0; i < n; ++i)
      found.emplace_back(score_.key(q, counts_[positions_[i]], positions_[i]), positions_[i]);
    const auto kth = found.begin() + static_cast<std::ptrdiff_t>(std::min(k, n));
    std::nth_element(found.begin(), kth, found.end());
    found.erase(kth, found.end());
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  static constexpr size_t kSampleShare = 8;

  // One pass for the block it is in, whose inner loop compilers vectorise.
  size_t first_of_nearest() const {
    constexpr size_t kBlock = 64;
    int32_t least = std::numeric_limits<int32_t>::max();
    size_t block = 0;
    for (size_t first = 0; first < n_rows_; first += kBlock) {
      const size_t last = std::min(n_rows_, first + kBlock);
      int32_t here = least;
      for (size_t i = first; i < last; ++i) here = std::min(here, static_cast<int32_t>(counts_[i]));
      if (here < least) block = first;
      least = here;
    }
    while (counts_[block] != static_cast<uint32_t>(least)) ++block;
    return block;
  }
  size_t select(size_t bits) {
    const RowTest test = {1.0f, 0.0f, 0.0f, static_cast<float>(bits), nullptr, nullptr};
    return scan_.kernels.select_rows(counts_.data(), n_rows_, test, positions_.data());
  }

  const Scan& scan_;
  const Score& score_;
  size_t n_rows_;
  size_t n_bytes_;
  std::vector<uint32_t> counts_;
  std::vector<uint32_t> positions_;
  BitTally tally_;
};

}  // namespace

CandidateLists rank_rows(const Scan& scan, const Score& score, size_t n_queries, size_t k) {
  k = std::min(k, scan.store.n_rows());
  const bool suits = ranks_by_tally(score, scan.store.column(0).width()) &&
                     scan.filter.allows_all() && scan.store.n_rows() <= kMostRows &&
                     scan.store.ids().ascending();
  if (!suits || k == 0) return scan_nearest(scan, score, n_queries, k);
  CandidateLists lists(n_queries);
  run_tasks((n_queries + kQueriesPerTask - 1) / kQueriesPerTask, scan.n_threads, scan.cancel,
            [&](size_t task) {
              BitRanker ranker(scan, score);
              const size_t last = std::min(n_queries, (task + 1) * kQueriesPerTask);
              for (size_t q = task * kQueriesPerTask; q < last; ++q)
                lists[q] = ranker.nearest(q, k);
            });
  return lists;
}

}  // namespace bitindex
