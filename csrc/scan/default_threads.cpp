#include <atomic>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "scan/thread_pool.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace bitindex {
namespace {

std::atomic<size_t> chosen_threads{0};

size_t allowed_cpus() {
#if defined(__linux__)
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) > 0)
    return static_cast<size_t>(CPU_COUNT(&cpus));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

// CPUs' worth of time that the cgroup grants, rounded up; 0 where it sets no limit.
size_t cgroup_quota() {
#if defined(__linux__)
  std::string quota;
  double period = 0;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> quota >> period) {
    // version 2: "max 100000" or "150000 100000"
  } else {
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota;
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  }
  const double granted = std::atof(quota.c_str());
  if (granted > 0 && period > 0) return static_cast<size_t>((granted + period - 1) / period);
#endif
  return 0;
}

size_t threads_of_machine() {
  const size_t quota = cgroup_quota();
  const size_t cpus = allowed_cpus();
  return quota > 0 && quota < cpus ? quota : cpus;
}

}  // namespace

size_t default_threads() {
  if (const size_t chosen = chosen_threads.load()) return chosen;
  size_t n_threads = 0;
  if (const char* text = std::getenv("BITINDEX_NUM_THREADS"); text != nullptr && *text != '\0') {
    char* end = nullptr;
    const long value = std::strtol(text, &end, 10);
    if (*end != '\0' || value < 1)
      throw std::invalid_argument("BITINDEX_NUM_THREADS must be a positive number, got '" +
                                  std::string(text) + "'");
    n_threads = static_cast<size_t>(value);
  } else {
    n_threads = threads_of_machine();
  }
  chosen_threads.store(n_threads);
  return n_threads;
}

void set_default_threads(size_t n_threads) { chosen_threads.store(n_threads); }

}  // namespace bitindex
