#include "scan/rescore.h"

#include <algorithm>
#include <cstring>

#include "codes/prefetch.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

// Rows lie far apart, and no CPU can tell where the next one is. Once it reads a row, it goes on by
// itself.
constexpr size_t kRowsAhead = 4;
constexpr size_t kBytesAhead = 256;

}  // namespace

size_t VectorLayout::row_bytes() const noexcept {
  if (n_dims == 0) return 0;
  switch (type) {
    case kFloat32:
      return n_dims * 4;
    case kFloat16:
      return n_dims * 2;
    case kInt8:
      return n_dims + sizeof(float);
  }
  return 0;
}

void VectorScore::score(size_t q, const Candidate* candidates, size_t n,
                        Candidate* exact) const noexcept {
  const size_t d = layout_.n_dims;
  const float* query = queries_.queries + q * d;
  const auto kernel =
      queries_.squared_l2 ? kernels_.squared_l2[layout_.type] : kernels_.dot[layout_.type];
  const size_t row_bytes = layout_.row_bytes();
  for (size_t i = 0; i < n; ++i) {
    if (i + kRowsAhead < n)
      prefetch_bytes(vectors_.row(candidates[i + kRowsAhead].row()),
                     std::min(row_bytes, kBytesAhead));
    const uint32_t row = candidates[i].row();
    const uint8_t* vector = vectors_.row(row);
    float scale = 1.0f;
    if (layout_.type == kInt8) std::memcpy(&scale, vector + d, sizeof scale);
    const float value = kernel(query, vector, scale, d);
    exact[i] = {queries_.squared_l2 ? value : -value, row};
  }
}

void rescore(const Scan& scan, const VectorScore& score, size_t k, CandidateLists& lists) {
  struct Task {
    size_t q, first, n;
  };
  std::vector<Task> tasks;
  for (size_t q = 0; q < lists.size(); ++q)
    for (size_t first = 0; first < lists[q].size(); first += kRescoredPerTask)
      tasks.push_back({q, first, std::min(lists[q].size() - first, kRescoredPerTask)});
  run_tasks(tasks.size(), scan.n_threads, scan.cancel, [&](size_t i) {
    Candidate* candidates = lists[tasks[i].q].data() + tasks[i].first;
    score.score(tasks[i].q, candidates, tasks[i].n, candidates);
  });
  const NearerFirst nearer_first(scan.store.ids());
  for (std::vector<Candidate>& list : lists) {
    nearer_first.select(list, k);
    list.resize(std::min(k, list.size()));
    nearer_first.sort(list);
  }
}

}  // namespace bitindex
