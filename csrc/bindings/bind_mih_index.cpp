// MIHIndex, and its tables as arrays of a file.
#include <pybind11/stl.h>

#include "arrays.h"
#include "bindings.h"
#include "gil.h"
#include "index/mih_index.h"
#include "layout.h"

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
  if (!index.replaced().empty())
    structure["replaced"] =
        Numbers(static_cast<py::ssize_t>(index.replaced().size()), index.replaced().data());
  return structure;
}

Numbers numbers_named(const py::dict& arrays, const char* name, int n_dims) {
  const std::string section = std::string("section 'structure/") + name + "'";
  if (!arrays.contains(name)) throw std::invalid_argument(section + " is missing");
  const py::object array = arrays[name];
  if (!py::isinstance<Numbers>(array) || py::cast<Numbers>(array).ndim() != n_dims)
    throw std::invalid_argument(section + " must be uint32 of " + std::to_string(n_dims) +
                                " dimensions");
  return py::cast<Numbers>(array);
}

void restore_mih_structure(MihIndex& index, const py::dict& arrays) {
  if (arrays.empty()) return;
  for (const auto& [key, array] : arrays) {
    const auto name = py::cast<std::string>(key);
    if (name != "bits" && name != "offsets" && name != "rows" && name != "replaced")
      throw std::invalid_argument("section 'structure/" + name + "' is unknown");
  }
  const Numbers bits = numbers_named(arrays, "bits", 2);
  const Numbers offsets = numbers_named(arrays, "offsets", 2);
  const Numbers rows = numbers_named(arrays, "rows", 2);
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
  std::vector<uint32_t> replaced;
  if (arrays.contains("replaced")) {
    const Numbers numbers = numbers_named(arrays, "replaced", 1);
    replaced.assign(numbers.data(), numbers.data() + numbers.size());
  }
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
