// Ctrl-C during a call of the core.
#pragma once

#include <pybind11/gil_safe_call_once.h>
#include <pybind11/pybind11.h>

namespace bitindex {

// True once a Python signal handler has raised; the exception is then set on this thread, and
// becomes the exception of the call when the core throws Cancelled.
inline bool poll_signals() {
  const pybind11::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

// What SearchOptions::poll is for a call of this thread. Python runs signal handlers on its main
// thread alone, so the others never ask, and never wait for the GIL in the middle of a search.
inline bool (*poll_of_this_thread())() {
  namespace py = pybind11;
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> main_thread;
  const py::object& ask = main_thread
                              .call_once_and_store_result([]() -> py::object {
                                return py::module_::import("threading").attr("main_thread");
                              })
                              .get_stored();
  const auto id = ask().attr("ident").cast<unsigned long>();
  return id == PyThread_get_thread_ident() ? poll_signals : nullptr;
}

}  // namespace bitindex
