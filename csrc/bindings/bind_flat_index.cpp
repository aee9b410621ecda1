#include <pybind11/stl.h>

#include "bindings.h"
#include "gil.h"
#include "index/flat_index.h"
#include "layout.h"

namespace bitindex {

void bind_flat_index(pybind11::module_& module) {
  namespace py = pybind11;
  using py::arg;
  py::class_<FlatIndex, Index>(module, "FlatIndex")
      .def(py::init([](size_t n_bits, const std::string& metric, bool big_endian, bool has_scales,
                       bool has_offsets, int vector_type, size_t n_dims,
                       const std::optional<std::string>& sort_by) {
             if (sort_by && *sort_by != "popcount")
               throw std::invalid_argument("sort_by must be 'popcount' or None");
             const IndexLayout layout = make_layout(n_bits, metric, big_endian, has_scales,
                                                    has_offsets, vector_type, n_dims);
             return std::make_unique<FlatIndex>(layout, sort_by.has_value());
           }),
           arg("n_bits"), arg("metric") = "hamming", arg("big_endian") = true, py::kw_only(),
           arg("has_scales") = false, arg("has_offsets") = false, arg("vector_type") = 0,
           arg("n_dims") = 0, arg("sort_by") = py::none())
      .def(
          "restore_structure",
          [](FlatIndex& index, const py::dict& arrays) {
            py::type::of<Index>().attr("restore_structure")(index, arrays);
            const GilRelease no_gil;
            index.find_order();
          },
          arg("arrays"));
}

}  // namespace bitindex
