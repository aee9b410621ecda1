// The table of contents of bitindex._core.
#include <pybind11/pybind11.h>

#include "bindings.h"

PYBIND11_MODULE(_core, module) {
  module.doc() = "The compiled core of bitindex: stateful classes, and what binarizers compute.";
  bitindex::bind_errors(module);
  bitindex::bind_build(module);
  bitindex::bind_kernels(module);
  bitindex::bind_encode(module);
  bitindex::bind_threads(module);
  bitindex::bind_index_lock(module);
  bitindex::bind_index(module);
  bitindex::bind_flat_index(module);
  bitindex::bind_hnsw_index(module);
  bitindex::bind_ivf_index(module);
  bitindex::bind_mih_index(module);
  bitindex::bind_residual_index(module);
}
