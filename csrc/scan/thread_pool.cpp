#include "scan/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <signal.h>
#endif

namespace bitindex {
namespace {

// More never helps, and a mistaken request must not exhaust the machine.
constexpr size_t kMaxThreads = 256;

thread_local bool inside_task = false;

// One call of run_tasks.
struct Job {
  Job(size_t n_tasks, size_t n_helpers, Cancel& cancel, const std::function<void(size_t)>& task)
      : n_tasks(n_tasks), free_helpers(n_helpers), cancel(cancel), task(task) {}

  // Takes tasks until none is left.
  void work() noexcept {
    inside_task = true;
    for (size_t i; !cancel.stopped() && (i = next.fetch_add(1)) < n_tasks;) {
      try {
        task(i);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex);
        if (!error) error = std::current_exception();
        cancel.stop();
      }
    }
    inside_task = false;
  }
  bool has_tasks() const noexcept { return next.load() < n_tasks; }

  const size_t n_tasks;
  size_t free_helpers;   // places for pool threads; guarded by the pool
  size_t n_working = 0;  // pool threads at work; guarded by `mutex`
  Cancel& cancel;
  const std::function<void(size_t)>& task;
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::condition_variable idle;
  std::exception_ptr error;
};

class Pool {
 public:
  void help(const std::shared_ptr<Job>& job, size_t n_helpers) {
    const std::lock_guard<std::mutex> lock(mutex_);
    while (n_threads_ < n_helpers && start_thread()) ++n_threads_;
    jobs_.push_back(job);
    if (n_helpers == 1)
      wake_.notify_one();
    else
      wake_.notify_all();
  }
  void forget(const std::shared_ptr<Job>& job) {
    const std::lock_guard<std::mutex> lock(mutex_);
    jobs_.erase(std::remove(jobs_.begin(), jobs_.end(), job), jobs_.end());
  }

 private:
  // Signals belong to the program's own threads. A machine without room for a thread is no error:
  // the caller then does the work.
  bool start_thread() noexcept {
#if defined(__unix__) || defined(__APPLE__)
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
#endif
    bool started = true;
    try {
      std::thread([this] { serve(); }).detach();
    } catch (...) {
      started = false;
    }
#if defined(__unix__) || defined(__APPLE__)
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
    return started;
  }

  std::shared_ptr<Job> take() {
    for (const std::shared_ptr<Job>& job : jobs_)
      if (job->free_helpers > 0 && job->has_tasks()) {
        --job->free_helpers;
        const std::lock_guard<std::mutex> lock(job->mutex);
        ++job->n_working;
        return job;
      }
    return nullptr;
  }

  void serve() {
    for (std::shared_ptr<Job> job;;) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return (job = take()) != nullptr; });
      }
      job->work();
      const std::lock_guard<std::mutex> lock(job->mutex);
      if (--job->n_working == 0) job->idle.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> jobs_;
  size_t n_threads_ = 0;
};

// Never destroyed: its threads may outlive the statics of the library at exit.
std::atomic<Pool*> shared_pool{nullptr};

// The threads of the parent are not in a forked child, so it starts over.
void forget_pool() { shared_pool.store(nullptr); }

Pool& pool() {
#if defined(__unix__) || defined(__APPLE__)
  static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
  (void)registered;
#endif
  Pool* current = shared_pool.load();
  if (current == nullptr) {
    auto* fresh = new Pool;
    if (shared_pool.compare_exchange_strong(current, fresh)) return *fresh;
    delete fresh;
  }
  return *current;
}

}  // namespace

void run_tasks(size_t n_tasks, size_t n_threads, Cancel& cancel,
               const std::function<void(size_t)>& task) {
  n_threads = std::min(n_threads, kMaxThreads);
  const size_t n_helpers = std::min(n_threads, n_tasks) - (n_tasks > 0 ? 1 : 0);
  if (inside_task || n_threads <= 1 || n_helpers == 0) {
    for (size_t i = 0; i < n_tasks; ++i) {
      cancel.throw_if_stopped();
      task(i);
    }
    cancel.throw_if_stopped();
    return;
  }
  const auto job = std::make_shared<Job>(n_tasks, n_helpers, cancel, task);
  Pool& helpers = pool();
  helpers.help(job, n_helpers);
  job->work();
  helpers.forget(job);
  {
    std::unique_lock<std::mutex> lock(job->mutex);
    while (!job->idle.wait_for(lock, std::chrono::milliseconds(50),
                               [&] { return job->n_working == 0; }))
      cancel.stopped();
  }
  if (job->error) std::rethrow_exception(job->error);
  cancel.throw_if_stopped();
}

}  // namespace bitindex
