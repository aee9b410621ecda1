// Who may look at an index: many readers, or one writer.
//
// A waiting writer holds the turnstile, so that a stream of searches cannot keep it out. A forked
// child starts with the locks open, because the threads that held them are not in it; if one of
// them was writing, the child's copy is half a change and is refused.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace bitindex {

class IndexLock {
 public:
  class Writer {
   public:
    explicit Writer(IndexLock& lock) : index_(lock), lock_(lock.rows_) { index_.writing_ = true; }
    ~Writer() { index_.writing_ = false; }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

   private:
    IndexLock& index_;
    std::unique_lock<std::shared_mutex> lock_;
  };

  IndexLock();
  ~IndexLock();
  IndexLock(const IndexLock&) = delete;
  IndexLock& operator=(const IndexLock&) = delete;

  // Both throw std::runtime_error where a fork has cut off a writer.
  std::shared_lock<std::shared_mutex> read();
  Writer write();

  // For the handler of fork alone.
  void open_in_child() noexcept;

 private:
  void refuse_half_a_change() const;

  std::mutex turnstile_;
  std::shared_mutex rows_;
  bool writing_ = false;  // guarded by rows_
  bool cut_off_ = false;
};

}  // namespace bitindex
