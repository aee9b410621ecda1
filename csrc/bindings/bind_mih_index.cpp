// MIHIndex, and its tables as arrays of a file.
#include <pybind11/stl.h>

#include "arrays.h"
#include "bindings.h"
#include "gil.h"
#include "index/mih_index.h"
#include "layout.h"
#include "structure_arrays.h"

namespace bitindex {
namespace {

using Numbers = Array<uint32_t>;

// Views into the index, valid until its next write, and a copy of the short list.
py::dict mih_structure(const py::object& self) {
  const auto& index = self.cast<const MihIndex&>();
  const MihTables& tables = index.tables();
  py::dict structure;
  if (tables.n_rows() == 0) return structure;
  const MihArrays& arrays = tables.arrays();
  const auto view = [&](const uint32_t* numbers, size_t width) {
    return py::array_t<uint32_t>({arrays.shape.n_substrings, width}, numbers, self);
  };
  structure["bits"] = view(arrays.bits, arrays.shape.n_bits);
  structure["offsets"] = view(arrays.offsets, MihTables::n_offsets(arrays.shape));
  structure["rows"] = view(arrays.rows, arrays.n_rows);
  if (!index.replaced().empty()) structure["replaced"] = array_of(index.replaced());
  return structure;
}

void restore_mih_structure(MihIndex& index, const py::dict& given) {
  StructureArrays arrays(given);
  if (arrays.empty()) return;
  const Numbers bits = arrays.take<uint32_t>("bits", 2);
  const Numbers offsets = arrays.take<uint32_t>("offsets", 2);
  const Numbers rows = arrays.take<uint32_t>("rows", 2);
  std::vector<uint32_t> replaced = arrays.take_values_if_any<uint32_t>("replaced");
  arrays.refuse_others();
  MihArrays tables;
  tables.shape = {static_cast<size_t>(bits.shape(0)), static_cast<size_t>(bits.shape(1))};
  tables.n_rows = static_cast<size_t>(rows.shape(1));
  const auto n_substrings = bits.shape(0);
  if (n_substrings < 1 || bits.shape(1) < 1 || tables.shape.n_bits > kMaxSubstringBits ||
      tables.n_rows < 1 || rows.shape(0) != n_substrings || offsets.shape(0) != n_substrings ||
      static_cast<size_t>(offsets.shape(1)) != MihTables::n_offsets(tables.shape))
    throw std::invalid_argument("the shapes of the tables do not fit together");
  tables.bits = bits.data();
  tables.offsets = offsets.data();
  tables.rows = rows.data();
  tables.owner = owner_of(py::make_tuple(offsets, rows));
  const GilRelease no_gil;
  index.restore_tables(tables, std::move(replaced));
}

}  // namespace

void bind_mih_index(py::module_& module) {
  using py::arg;
  py::class_<MihIndex, Index>(module, "MIHIndex")
      .def(py::init([](size_t n_bits, const std::string& metric, bool big_endian,
                       std::optional<size_t> n_substrings, bool fall_back) {
             const IndexLayout layout = make_layout(n_bits, metric, big_endian, false, false, 0, 0);
             return std::make_unique<MihIndex>(layout,
                                               MihOptions{n_substrings.value_or(0), fall_back});
           }),
           arg("n_bits"), arg("metric") = "hamming", arg("big_endian") = true, py::kw_only(),
           arg("n_substrings") = py::none(), arg("fall_back") = true)
      .def("structure", &mih_structure)
      .def("restore_structure", &restore_mih_structure, arg("arrays"));
}

}  // namespace bitindex
