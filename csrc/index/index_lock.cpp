#include "index/index_lock.h"

#include <new>
#include <stdexcept>
#include <unordered_set>

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

std::shared_lock<std::shared_mutex> IndexLock::read() {
  refuse_half_a_change();
  const std::lock_guard<std::mutex> turn(turnstile_);
  return std::shared_lock<std::shared_mutex>(rows_);
}

IndexLock::Writer IndexLock::write() {
  refuse_half_a_change();
  const std::lock_guard<std::mutex> turn(turnstile_);
  return Writer(*this);
}

void IndexLock::open_in_child() noexcept {
  // Made anew over the old ones: a mutex that another thread holds must not be destroyed.
  new (&turnstile_) std::mutex;
  new (&rows_) std::shared_mutex;
  cut_off_ = cut_off_ || writing_;
  writing_ = false;
}

void IndexLock::refuse_half_a_change() const {
  if (cut_off_)
    throw std::runtime_error(
        "the index was being changed by another thread when this process was forked; load it anew");
}

}  // namespace bitindex
