#include "arrays.h"
#include "bindings.h"
#include "gil.h"
#include "index/hnsw_index.h"
#include "layout.h"

namespace bitindex {
namespace {

using Words = Array<uint32_t>;

Words words_of(const std::vector<uint32_t>& values, size_t width = 0) {
  const auto n = static_cast<py::ssize_t>(values.size());
  if (width == 0) return Words(n, values.data());
  const auto columns = static_cast<py::ssize_t>(width);
  return Words({n / columns, columns}, values.data());
}

// Views into the index, and copies of what is small: valid until its next write.
py::dict graph_arrays(const py::object& self) {
  const auto& index = self.cast<const HNSWIndex&>();
  const StoredGraph graph = index.structure();
  py::dict arrays;
  arrays["links"] = Words({graph.n_rows, 2 * index.m()}, graph.links, self);
  arrays["upper_counts"] = words_of(graph.upper_counts);
  arrays["upper_links"] = words_of(graph.upper_links, index.m());
  arrays["upper_rows"] = words_of(graph.upper_rows);
  arrays["upper_below"] = words_of(graph.upper_below);
  arrays["twins"] = words_of(graph.twins);
  arrays["pending"] = words_of(graph.pending);
  return arrays;
}

Words take_words(py::dict& arrays, const char* name) {
  if (!arrays.contains(name))
    throw std::invalid_argument("section 'structure/" + std::string(name) + "' is missing");
  const py::object array = arrays.attr("pop")(name);
  if (!py::isinstance<Words>(array))
    throw std::invalid_argument("section 'structure/" + std::string(name) + "' must be of uint32");
  return array.cast<Words>();
}

std::vector<uint32_t> take_values(py::dict& arrays, const char* name, py::ssize_t n_dims = 1) {
  const Words array = take_words(arrays, name);
  if (array.ndim() != n_dims)
    throw std::invalid_argument("section 'structure/" + std::string(name) + "' has a wrong shape");
  return {array.data(), array.data() + array.size()};
}

// Without any arrays the index finds its rows by looking at all of them.
void restore_graph(HNSWIndex& index, py::dict arrays) {
  if (arrays.empty()) return;
  arrays = arrays.attr("copy")();
  StoredGraph graph;
  auto links = std::make_unique<Words>(take_words(arrays, "links"));
  graph.n_rows = rows_of(*links, 2 * index.m(), "section 'structure/links'");
  graph.links = links->data();
  graph.upper_counts = take_values(arrays, "upper_counts");
  graph.upper_links = take_values(arrays, "upper_links", 2);
  graph.upper_rows = take_values(arrays, "upper_rows");
  graph.upper_below = take_values(arrays, "upper_below");
  graph.twins = take_values(arrays, "twins");
  graph.pending = take_values(arrays, "pending");
  for (const auto& [name, array] : arrays)
    throw std::invalid_argument("section 'structure/" + py::cast<std::string>(name) +
                                "' is unknown");
  // The array goes when the graph lets go of it, on whichever thread that happens.
  const std::shared_ptr<const void> owner(links.release(), [](Words* array) {
    const py::gil_scoped_acquire gil;
    delete array;
  });
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
