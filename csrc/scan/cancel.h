// Lets the calling thread stop a long call: Ctrl-C in Python.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <thread>

namespace bitindex {

// The call was stopped by its caller.
struct Cancelled : std::exception {
  const char* what() const noexcept override { return "the call was interrupted"; }
};

class Cancel {
 public:
  // `poll` returns true to stop. It is asked on the constructing thread only, at most every 50 ms.
  explicit Cancel(bool (*poll)()) : poll_(poll), caller_(std::this_thread::get_id()) {}

  // Any thread of the call asks this every few milliseconds of work.
  bool stopped() noexcept {
    if (std::this_thread::get_id() == caller_) ask_caller();
    return stop_.load(std::memory_order_relaxed);
  }
  void stop() noexcept { stop_.store(true, std::memory_order_relaxed); }
  void throw_if_stopped() {
    if (stopped()) throw Cancelled();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void ask_caller() noexcept {
    // Once it said stop, asking again would run signal handlers with an exception set.
    if (poll_ == nullptr || stop_.load(std::memory_order_relaxed)) return;
    if (Clock::now() - asked_ < std::chrono::milliseconds(50)) return;
    asked_ = Clock::now();
    if (poll_()) stop();
  }

  bool (*poll_)();
  std::thread::id caller_;
  Clock::time_point asked_ = Clock::now();
  std::atomic<bool> stop_{false};
};

}  // namespace bitindex
