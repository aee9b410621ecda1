// The lock of an index as context managers, for what is made of several indexes.
//
// In C++ and not in Python, because Ctrl-C must not come between taking a lock and the block that
// gives it back: Python looks for signals between its own instructions only.
#include "index/index_lock.h"

#include <memory>
#include <optional>

#include "bindings.h"
#include "gil.h"

namespace bitindex {
namespace {

namespace py = pybind11;

class LockGuard {
 public:
  LockGuard(IndexLock& lock, bool writes) : lock_(lock), writes_(writes) {}

  void enter() {
    if (writes_)
      writer_.emplace(lock_);
    else
      reader_.emplace(lock_);
  }
  void exit() {
    writer_.reset();
    reader_.reset();
  }

 private:
  IndexLock& lock_;
  const bool writes_;
  std::optional<IndexLock::Writer> writer_;
  std::optional<IndexLock::Reader> reader_;
};

}  // namespace

void bind_index_lock(py::module_& module) {
  py::class_<LockGuard>(module, "LockGuard")
      .def("__enter__", &LockGuard::enter, py::call_guard<GilRelease>())
      .def("__exit__", [](LockGuard& guard, const py::args&) { guard.exit(); });
  py::class_<IndexLock>(module, "IndexLock")
      .def(py::init<>())
      .def(
          "reading", [](IndexLock& lock) { return std::make_unique<LockGuard>(lock, false); },
          py::keep_alive<0, 1>())
      .def(
          "writing", [](IndexLock& lock) { return std::make_unique<LockGuard>(lock, true); },
          py::keep_alive<0, 1>());
}

}  // namespace bitindex
