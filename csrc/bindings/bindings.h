// One function per file of this folder; module.cpp calls each.
#pragma once

#include <pybind11/pybind11.h>

namespace bitindex {

void bind_build(pybind11::module_& module);
void bind_encode(pybind11::module_& module);
void bind_errors(pybind11::module_& module);
void bind_flat_index(pybind11::module_& module);
void bind_hnsw_index(pybind11::module_& module);
void bind_index(pybind11::module_& module);
void bind_index_lock(pybind11::module_& module);
void bind_ivf_index(pybind11::module_& module);
void bind_kernels(pybind11::module_& module);
void bind_mih_index(pybind11::module_& module);
void bind_residual_index(pybind11::module_& module);
void bind_threads(pybind11::module_& module);

}  // namespace bitindex
