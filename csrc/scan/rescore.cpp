#include "scan/rescore.h"

#include <algorithm>
#include <cstring>

#include "scan/thread_pool.h"

namespace bitindex {

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

void rescore(const Scan& scan, const Column& vectors, const VectorLayout& layout,
             const VectorQueries& queries, size_t k, CandidateLists& lists) {
  const size_t d = layout.n_dims;
  const auto similarity = [&](const float* query, uint32_t row) {
    const uint8_t* vector = vectors.row(row);
    float scale = 1.0f;
    if (layout.type == kInt8) std::memcpy(&scale, vector + d, sizeof scale);
    return queries.squared_l2 ? -scan.kernels.squared_l2[layout.type](query, vector, scale, d)
                              : scan.kernels.dot[layout.type](query, vector, scale, d);
  };
  // A task is a part of one query's candidates, so that a single query uses all threads too.
  constexpr size_t kPart = 256;
  struct Task {
    size_t q, first, last;
  };
  std::vector<Task> tasks;
  for (size_t q = 0; q < lists.size(); ++q)
    for (size_t first = 0; first < lists[q].size(); first += kPart)
      tasks.push_back({q, first, std::min(lists[q].size(), first + kPart)});
  run_tasks(tasks.size(), scan.n_threads, scan.cancel, [&](size_t i) {
    const Task& task = tasks[i];
    for (size_t c = task.first; c < task.last; ++c) {
      Candidate& candidate = lists[task.q][c];
      candidate = {-similarity(queries.queries + task.q * d, candidate.row()), candidate.row()};
    }
  });
  const NearerFirst nearer_first(scan.store.ids());
  for (std::vector<Candidate>& list : lists) {
    nearer_first.select(list, k);
    list.resize(std::min(k, list.size()));
    nearer_first.sort(list);
  }
}

}  // namespace bitindex
