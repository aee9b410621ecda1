#include "arrays.h"
#include "bindings.h"
#include "gil.h"
#include "index/hnsw_index.h"
#include "layout.h"
#include "structure_arrays.h"

namespace bitindex {
namespace {

using Words = Array<uint32_t>;

Words matrix_of(const std::vector<uint32_t>& values, size_t width) {
  return Words({values.size() / width, width}, values.data());
}

// Views into the index, and copies of what is small: valid until its next write.
py::dict graph_arrays(const py::object& self) {
  const auto& index = self.cast<const HNSWIndex&>();
  const StoredGraph graph = index.structure();
  py::dict arrays;
  arrays["links"] = Words({graph.n_rows, 2 * index.m()}, graph.links, self);
  arrays["upper_counts"] = array_of(graph.upper_counts);
  arrays["upper_links"] = matrix_of(graph.upper_links, index.m());
  arrays["upper_rows"] = array_of(graph.upper_rows);
  arrays["upper_below"] = array_of(graph.upper_below);
  arrays["twins"] = array_of(graph.twins);
  arrays["pending"] = array_of(graph.pending);
  return arrays;
}

// Without any arrays the index finds its rows by looking at all of them.
void restore_graph(HNSWIndex& index, const py::dict& given) {
  StructureArrays arrays(given);
  if (arrays.empty()) return;
  const Words links = arrays.take<uint32_t>("links", 2);
  StoredGraph graph;
  graph.n_rows = rows_of(links, 2 * index.m(), "section 'structure/links'");
  graph.links = links.data();
  graph.upper_counts = arrays.take_values<uint32_t>("upper_counts");
  graph.upper_links = arrays.take_values<uint32_t>("upper_links", 2);
  graph.upper_rows = arrays.take_values<uint32_t>("upper_rows");
  graph.upper_below = arrays.take_values<uint32_t>("upper_below");
  graph.twins = arrays.take_values<uint32_t>("twins");
  graph.pending = arrays.take_values<uint32_t>("pending");
  arrays.refuse_others();
  const std::shared_ptr<const void> owner = owner_of(links);
  const GilRelease no_gil;
  index.restore_structure(graph, owner);
}

}  // namespace

void bind_hnsw_index(py::module_& module) {
  using py::arg;
  py::class_<HNSWIndex, Index>(module, "HNSWIndex")
      .def(py::init([](size_t n_bits, const std::string& metric, bool big_endian, bool has_scales,
                       bool has_offsets, int vector_type, size_t n_dims, size_t m,
                       size_t ef_construction, size_t ef, uint64_t seed) {
             const HNSWOptions options = {m, ef_construction, ef, seed};
             return std::make_unique<HNSWIndex>(make_layout(n_bits, metric, big_endian, has_scales,
                                                            has_offsets, vector_type, n_dims),
                                                options);
           }),
           arg("n_bits"), arg("metric") = "hamming", arg("big_endian") = true, py::kw_only(),
           arg("has_scales") = false, arg("has_offsets") = false, arg("vector_type") = 0,
           arg("n_dims") = 0, arg("m") = 16, arg("ef_construction") = 64, arg("ef") = 64,
           arg("seed") = 0)
      .def("n_unreached", &HNSWIndex::n_unreached, py::call_guard<GilRelease>())
      .def("structure", &graph_arrays)
      .def("restore_structure", &restore_graph, arg("arrays"));
}

}  // namespace bitindex
