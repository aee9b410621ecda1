// Ctrl-C during a call of the core.
#pragma once

#include <pybind11/pybind11.h>

namespace bitindex {

// For SearchOptions::poll: true once a Python signal handler has raised; the exception is then set
// on this thread, and becomes the exception of the call when the core throws Cancelled.
inline bool poll_signals() {
  const pybind11::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

}  // namespace bitindex
