// Who may look at an index: many readers, or one writer, in turns.
//
// While a writer waits, new readers wait too, so that a stream of searches cannot keep it out. When
// it is done, all of them go before the next writer, so that a stream of writes can neither keep
// them out nor let them in one by one.
//
// A forked child starts with the lock open, because the threads that held it are not in it; if one
// of them was writing, the child's copy is half a change and is refused.
//
// Source: Brandenburg, Anderson, "Spin-based reader-writer synchronization for multiprocessor
// real-time systems", 2010: phase-fair locks.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace bitindex {

class IndexLock {
 public:
  // They hold the lock as long as they live.
  class Reader {
   public:
    explicit Reader(IndexLock& lock) : lock_(lock) { lock_.begin_reading(); }
    ~Reader() { lock_.end_reading(); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   private:
    IndexLock& lock_;
  };
  class Writer {
   public:
    explicit Writer(IndexLock& lock) : lock_(lock) { lock_.begin_writing(); }
    ~Writer() { lock_.end_writing(); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

   private:
    IndexLock& lock_;
  };

  IndexLock();
  ~IndexLock();
  IndexLock(const IndexLock&) = delete;
  IndexLock& operator=(const IndexLock&) = delete;

  // Both throw std::runtime_error where a fork has cut off a writer.
  Reader read() { return Reader(*this); }
  Writer write() { return Writer(*this); }

  // For the handler of fork alone.
  void open_in_child() noexcept;

 private:
  struct State {
    size_t n_readers = 0;
    size_t n_waiting_readers = 0;
    size_t n_waiting_writers = 0;
    uint64_t n_written = 0;  // how many writers are done
    bool is_writing = false;
  };

  void begin_reading();
  void end_reading() noexcept;
  void begin_writing();
  void end_writing() noexcept;
  void refuse_half_a_change() const;

  std::mutex mutex_;
  std::condition_variable readers_turn_, writers_turn_;
  State state_;  // guarded by mutex_
  bool cut_off_ = false;
};

}  // namespace bitindex
