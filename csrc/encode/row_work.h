// Works through many rows of floats, some at a time, on several threads.
#pragma once

#include <algorithm>
#include <cstddef>

#include "kernels/kernel_table.h"
#include "scan/cancel.h"
#include "scan/thread_pool.h"

namespace bitindex {

struct RowWork {
  const KernelTable& kernels;
  size_t n_threads;
  Cancel& cancel;
};

// Rows of that width that are worked on together: so many that they stay in the cache, a multiple
// of what every instruction set multiplies at once.
inline size_t rows_at_once(size_t width) {
  constexpr size_t kFloats = size_t{1} << 16, kStep = 12, kMost = 20;
  return kStep * std::min(std::max<size_t>(kFloats / kStep / std::max<size_t>(width, 1), 1), kMost);
}

// Calls task(first, n) for parts of n_rows rows. Throws Cancelled when the call is stopped.
template <class Task>
void for_each_part(const RowWork& work, size_t n_rows, size_t width, const Task& task) {
  const size_t step = rows_at_once(width);
  run_tasks((n_rows + step - 1) / step, work.n_threads, work.cancel, [&](size_t part) {
    const size_t first = part * step;
    task(first, std::min(step, n_rows - first));
  });
}

// out = rows minus the center, which may be null.
inline void subtract_center(const float* rows, size_t n_rows, size_t n_dims, const float* center,
                            float* out) noexcept {
  if (center == nullptr) {
    std::copy(rows, rows + n_rows * n_dims, out);
    return;
  }
  for (size_t r = 0; r < n_rows; ++r, rows += n_dims, out += n_dims)
    for (size_t i = 0; i < n_dims; ++i) out[i] = rows[i] - center[i];
}

}  // namespace bitindex
