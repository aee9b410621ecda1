// A small pool of threads, shared by all calls of the process.
//
// No OpenMP: other libraries bring their own runtimes, which do not survive a fork. Here a forked
// child starts with an empty pool, calls may come from many threads at once, and a task that runs
// tasks of its own runs them by itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>

#include "scan/cancel.h"

namespace bitindex {

// Runs task(i) for every i in [0, n_tasks) on at most n_threads threads, the caller among them, and
// returns when all have ended. The first exception of a task is thrown again here, the tasks that
// have not begun are then left out; likewise when `cancel` stops, which throws Cancelled.
void run_tasks(size_t n_tasks, size_t n_threads, Cancel& cancel,
               const std::function<void(size_t)>& task);

// How many threads a call uses where it does not say: set_default_threads, else the environment
// variable BITINDEX_NUM_THREADS, else the CPUs that this process may use (affinity and cgroup
// quota). Throws std::invalid_argument where the variable is no positive number.
size_t default_threads();
// 0 asks the environment and the machine again.
void set_default_threads(size_t n_threads);

// Calls use(first, n) for all of n_items in blocks of n_at_once, on as many threads by default.
template <class Use>
void for_each_block(size_t n_items, size_t n_at_once, Cancel& cancel, Use use) {
  run_tasks((n_items + n_at_once - 1) / n_at_once, default_threads(), cancel, [&](size_t block) {
    const size_t first = block * n_at_once;
    use(first, std::min(n_at_once, n_items - first));
  });
}

}  // namespace bitindex
