#include "index/index_lock.h"

#include <new>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace bitindex {
namespace {

// The locks of all indexes of the process.
struct Registry {
  Registry() {
#if defined(__unix__) || defined(__APPLE__)
    pthread_atfork([] { registry().mutex.lock(); }, [] { registry().mutex.unlock(); },
                   [] {
                     for (IndexLock* lock : registry().locks) lock->open_in_child();
                     registry().mutex.unlock();
                   });
#endif
  }

  // Never destroyed: indexes may outlive the statics of the library at exit.
  static Registry& registry() {
    static auto* const registry = new Registry;
    return *registry;
  }

  std::mutex mutex;
  std::unordered_set<IndexLock*> locks;
};

}  // namespace

IndexLock::IndexLock() {
  Registry& registry = Registry::registry();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  registry.locks.insert(this);
}

IndexLock::~IndexLock() {
  Registry& registry = Registry::registry();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  registry.locks.erase(this);
}

void IndexLock::begin_reading() {
  std::unique_lock<std::mutex> guard(mutex_);
  refuse_half_a_change();
  if (!state_.is_writing && state_.n_waiting_writers == 0) {
    ++state_.n_readers;
    return;
  }
  ++state_.n_waiting_readers;
  const uint64_t before = state_.n_written;
  readers_turn_.wait(guard, [&] { return state_.n_written != before; });
}

void IndexLock::end_reading() noexcept {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (--state_.n_readers == 0) writers_turn_.notify_one();
}

void IndexLock::begin_writing() {
  std::unique_lock<std::mutex> guard(mutex_);
  refuse_half_a_change();
  ++state_.n_waiting_writers;
  writers_turn_.wait(guard, [&] { return !state_.is_writing && state_.n_readers == 0; });
  --state_.n_waiting_writers;
  state_.is_writing = true;
}

void IndexLock::end_writing() noexcept {
  const std::lock_guard<std::mutex> guard(mutex_);
  state_.is_writing = false;
  ++state_.n_written;
  // All at once, and counted here: this thread may want to write again before any of them wakes.
  state_.n_readers = std::exchange(state_.n_waiting_readers, 0);
  if (state_.n_readers > 0)
    readers_turn_.notify_all();
  else
    writers_turn_.notify_one();
}

void IndexLock::open_in_child() noexcept {
  // Made anew over the old ones: what another thread holds or waits for must not be destroyed.
  new (&mutex_) std::mutex;
  new (&readers_turn_) std::condition_variable;
  new (&writers_turn_) std::condition_variable;
  cut_off_ = cut_off_ || state_.is_writing;
  state_ = {};
}

void IndexLock::refuse_half_a_change() const {
  if (cut_off_)
    throw std::runtime_error(
        "the index was being changed by another thread when this process was forked; load it anew");
}

}  // namespace bitindex
