#include "bindings.h"
#include "index/flat_index.h"
#include "layout.h"

namespace bitindex {

void bind_flat_index(pybind11::module_& module) {
  using pybind11::arg;
  pybind11::class_<FlatIndex, Index>(module, "FlatIndex")
      .def(pybind11::init([](size_t n_bits, const std::string& metric, bool big_endian,
                             bool has_scales, bool has_offsets, int vector_type, size_t n_dims) {
             return std::make_unique<FlatIndex>(make_layout(n_bits, metric, big_endian, has_scales,
                                                            has_offsets, vector_type, n_dims));
           }),
           arg("n_bits"), arg("metric") = "hamming", arg("big_endian") = true, pybind11::kw_only(),
           arg("has_scales") = false, arg("has_offsets") = false, arg("vector_type") = 0,
           arg("n_dims") = 0);
}

}  // namespace bitindex
