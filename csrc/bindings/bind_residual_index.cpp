#include <pybind11/stl.h>

#include "arrays.h"
#include "bindings.h"
#include "gil.h"
#include "index/residual_index.h"
#include "layout.h"
#include "structure_arrays.h"

namespace bitindex {

void bind_residual_index(py::module_& module) {
  using py::arg;
  py::class_<ResidualIndex, Index>(module, "ResidualIndex")
      .def(py::init([](size_t n_bits, bool has_scales, bool has_offsets, int vector_type,
                       size_t n_dims, size_t n_lists) {
             return std::make_unique<ResidualIndex>(
                 make_layout(n_bits, "hamming", true, has_scales, has_offsets, vector_type, n_dims),
                 n_lists);
           }),
           arg("n_bits"), py::kw_only(), arg("has_scales"), arg("has_offsets"), arg("vector_type"),
           arg("n_dims"), arg("n_lists"))
      .def("structure",
           [](const ResidualIndex& index) {
             py::dict arrays;
             arrays["sizes"] = array_of(index.structure());
             return arrays;
           })
      .def(
          "restore_structure",
          [](ResidualIndex& index, const py::dict& given) {
            StructureArrays arrays(given);
            const auto sizes = arrays.take_values<uint32_t>("sizes");
            arrays.refuse_others();
            const GilRelease no_gil;
            index.restore_structure(sizes);
          },
          arg("arrays"));
}

}  // namespace bitindex
