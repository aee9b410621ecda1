#include "scan/adaptive_rescore.h"

#include <algorithm>

#include "scan/key_fit.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

// Fewer rows than this say too little about the error of the estimates.
constexpr size_t kMinFitted = 32;
constexpr size_t kMinBatch = 16;
constexpr size_t kBatchShare = 8;  // a batch is an eighth of the rows before it
constexpr double kSpreads = 3.5;

void score_in_parts(const Scan& scan, const VectorScore& score, size_t q,
                    const Candidate* candidates, size_t n, Candidate* exact) {
  run_tasks(
      (n + kRescoredPerTask - 1) / kRescoredPerTask, scan.n_threads, scan.cancel, [&](size_t part) {
        const size_t first = part * kRescoredPerTask;
        score.score(q, candidates + first, std::min(n - first, kRescoredPerTask), exact + first);
      });
}

size_t rescore_one(const Scan& scan, const VectorScore& score, const NearerFirst& nearer_first,
                   size_t q, size_t k, std::vector<Candidate>& list) {
  k = std::min(k, list.size());
  KeyFit fit;
  std::vector<Candidate> nearest;
  size_t n = 0;
  for (size_t batch = std::max(2 * k, kMinFitted); n < list.size();
       batch = std::max(n / kBatchShare, kMinBatch)) {
    batch = std::min(batch, list.size() - n);
    const size_t n_before = nearest.size();
    nearest.resize(n_before + batch);
    Candidate* exact = nearest.data() + n_before;
    score_in_parts(scan, score, q, list.data() + n, batch, exact);
    for (size_t i = 0; i < batch; ++i) fit.add(list[n + i].key(), exact[i].key());
    n += batch;
    nearer_first.select(nearest, k);
    nearest.resize(std::min(k, nearest.size()));
    if (n == list.size()) break;
    const float kth_key = std::max_element(nearest.begin(), nearest.end())->key();
    if (fit.optimistic(list[n].key(), kSpreads) >= static_cast<double>(kth_key)) break;
  }
  nearer_first.sort(nearest);
  list = std::move(nearest);
  return n;
}

}  // namespace

CandidateLimits adaptive_candidates(size_t k) noexcept {
  // Beyond, k is that of no index and the products would overflow.
  k = std::min(k, size_t{1} << 32);
  return {24 * k + 128, 128 * k + 1024};
}

std::vector<size_t> adaptive_rescore(const Scan& scan, const VectorScore& score, size_t k,
                                     CandidateLists& lists) {
  const NearerFirst nearer_first(scan.store.ids());
  std::vector<size_t> n_rescored(lists.size());
  // Tasks of tasks run on one thread: queries are tasks, or parts of one query after the other.
  const bool parts_are_tasks = k > kRescoredPerTask / 2 && lists.size() < scan.n_threads;
  run_tasks(lists.size(), parts_are_tasks ? 1 : scan.n_threads, scan.cancel, [&](size_t q) {
    n_rescored[q] = rescore_one(scan, score, nearer_first, q, k, lists[q]);
  });
  return n_rescored;
}

}  // namespace bitindex
