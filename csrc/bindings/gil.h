// Letting other Python threads run during a call of the core.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <thread>

namespace bitindex {

// As pybind11::gil_scoped_release, but a thread that comes back after the interpreter has begun to
// shut down sleeps until the process ends, as it does from Python 3.14 on. Older ones end the
// thread by an exception (glibc's pthread_exit), and no destructor lets an exception out: a daemon
// thread that searches would abort the program at its end.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
  }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace bitindex
