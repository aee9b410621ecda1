// The contract of every index kind, as one Python class that the kinds derive from.
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>

#include "arrays.h"
#include "bindings.h"
#include "gil.h"
#include "index/index.h"
#include "signals.h"
#include "structure_arrays.h"

namespace bitindex {
namespace {

using Bytes = Array<uint8_t>;
using Ids = Array<int64_t>;
using Filter =
    std::variant<std::monostate, Array<bool>, Ids, std::tuple<int64_t, int64_t, int64_t>>;

NewRows new_rows(const Index& index, const Bytes& codes, const OptionalArray<int64_t>& ids,
                 const OptionalArray<float>& scales, const OptionalArray<float>& offsets,
                 const OptionalArray<uint8_t>& vectors, const OptionalArray<uint32_t>& lists) {
  const IndexLayout& layout = index.layout();
  NewRows rows;
  rows.n = rows_of(codes, layout.n_bytes(), "codes");
  rows.codes = codes.data();
  rows.ids = values_of(ids, rows.n, ids.has_value() ? 1 : 0, "ids");
  rows.scales = values_of(scales, rows.n, layout.has_scales ? 1 : 0, "scales");
  rows.offsets = values_of(offsets, rows.n, layout.has_offsets ? 1 : 0, "offsets");
  rows.vectors = values_of(vectors, rows.n, layout.vectors.row_bytes(), "vectors");
  const size_t n_lists = index.n_given_lists();
  rows.lists = values_of(lists, rows.n, n_lists > 0 ? 1 : 0, "lists");
  if (n_lists > 0 && rows.n > 0 && *std::max_element(rows.lists, rows.lists + rows.n) >= n_lists)
    throw std::invalid_argument("lists must be < " + std::to_string(n_lists));
  return rows;
}

SearchOptions search_options(const Filter& filter, size_t threads, size_t effort) {
  SearchOptions options;
  options.n_threads = threads;
  options.effort = effort;
  options.poll = poll_of_this_thread();
  if (const auto* mask = std::get_if<Array<bool>>(&filter)) {
    options.filter.kind = IdFilter::kMask;
    options.filter.mask = reinterpret_cast<const uint8_t*>(mask->data());
    options.filter.n = static_cast<size_t>(mask->size());
  } else if (const auto* list = std::get_if<Ids>(&filter)) {
    options.filter.kind = IdFilter::kList;
    options.filter.list = list->data();
    options.filter.n = static_cast<size_t>(list->size());
  } else if (const auto* range = std::get_if<std::tuple<int64_t, int64_t, int64_t>>(&filter)) {
    options.filter.kind = IdFilter::kRange;
    std::tie(options.filter.start, options.filter.stop, options.filter.step) = *range;
    if (options.filter.step < 1) throw std::invalid_argument("the step of a range must be >= 1");
  }
  return options;
}

py::tuple search(const Index& index, const Bytes& queries, size_t k, const Filter& filter,
                 size_t threads, size_t effort) {
  const size_t n = rows_of(queries, index.layout().n_bytes(), "queries");
  const SearchOptions options = search_options(filter, threads, effort);
  Ids ids = new_array<int64_t>({n, k});
  ResultRows results{ids.mutable_data(), nullptr, nullptr, nullptr};
  py::array distances;
  if (index.metric().integer_distances) {
    auto integers = new_array<int32_t>({n, k});
    results.integers = integers.mutable_data();
    distances = integers;
  } else {
    auto fractions = new_array<float>({n, k});
    results.fractions = fractions.mutable_data();
    distances = fractions;
  }
  {
    const GilRelease no_gil;
    index.search(queries.data(), n, k, options, results);
  }
  return py::make_tuple(distances, ids);
}

py::tuple range_search(const Index& index, const Bytes& queries, float radius, const Filter& filter,
                       size_t threads, size_t effort) {
  const size_t n = rows_of(queries, index.layout().n_bytes(), "queries");
  const SearchOptions options = search_options(filter, threads, effort);
  WithinResult result;
  {
    const GilRelease no_gil;
    result = index.range_search(queries.data(), n, radius, options);
  }
  const Ids limits(static_cast<py::ssize_t>(result.limits.size()), result.limits.data());
  const Ids ids(static_cast<py::ssize_t>(result.ids.size()), result.ids.data());
  const Array<float> keys(static_cast<py::ssize_t>(result.keys.size()), result.keys.data());
  return py::make_tuple(limits, keys, ids);
}

py::tuple search_estimates(
    const Index& index, const OptionalArray<float>& weights, const OptionalArray<uint8_t>& signs,
    const OptionalArray<float>& magnitudes, const OptionalArray<float>& constants, size_t k,
    std::optional<size_t> n_candidates, const OptionalArray<float>& vector_queries, bool squared_l2,
    const Filter& filter, size_t threads, size_t effort,
    const OptionalArray<float>& list_similarities, const OptionalArray<float>& list_factors) {
  const IndexLayout& layout = index.layout();
  EstimateQueries queries;
  queries.n = weights ? rows_of(*weights, layout.n_bits, "weights")
                      : rows_of(signs.value(), layout.n_bytes(), "signs");
  queries.weights = weights ? weights->data() : nullptr;
  queries.signs = weights ? nullptr : signs->data();
  queries.magnitudes = values_of(magnitudes, queries.n, weights ? 0 : 1, "magnitudes");
  queries.constants = values_of(constants, queries.n, constants ? 1 : 0, "constants");
  const size_t n_lists = index.n_given_lists();
  queries.lists = {values_of(list_similarities, queries.n, n_lists, "list_similarities"),
                   values_of(list_factors, n_lists, n_lists > 0 ? 1 : 0, "list_factors"), n_lists};
  VectorQueries rescoring{nullptr, squared_l2};
  if (vector_queries)
    rescoring.queries =
        values_of(vector_queries, queries.n, layout.vectors.n_dims, "vector_queries");
  const SearchOptions options = search_options(filter, threads, effort);

  Ids ids = new_array<int64_t>({queries.n, k});
  auto scores = new_array<float>({queries.n, k});
  auto n_rescored = new_array<int64_t>({queries.n});
  const ResultRows results{ids.mutable_data(), nullptr, scores.mutable_data(),
                           n_rescored.mutable_data()};
  {
    const GilRelease no_gil;
    index.search_estimates(queries, k, n_candidates, vector_queries ? &rescoring : nullptr, options,
                           results);
  }
  return py::make_tuple(scores, ids, n_rescored);
}

Bytes get(const Index& index, const Ids& ids) {
  const auto n = static_cast<size_t>(ids.size());
  auto codes = new_array<uint8_t>({n, index.layout().n_bytes()});
  uint8_t* out = codes.mutable_data();
  {
    const GilRelease no_gil;
    index.get(ids.data(), n, out);
  }
  return codes;
}

Array<bool> contains_each(const Index& index, const Ids& ids) {
  const auto n = static_cast<size_t>(ids.size());
  auto found = new_array<bool>({n});
  bool* out = found.mutable_data();
  {
    const GilRelease no_gil;
    index.contains(ids.data(), n, out);
  }
  return found;
}

Ids all_ids(const Index& index) {
  std::vector<int64_t> ids;
  {
    // Never wait for the index's lock with the GIL held: a search that holds the lock may want it.
    const GilRelease no_gil;
    ids = index.ids();
  }
  return Ids(static_cast<py::ssize_t>(ids.size()), ids.data());
}

// Views into the index: valid until its next write.
py::list columns(const py::object& self) {
  const auto& index = self.cast<const Index&>();
  py::list views;
  for (size_t c = 0; c < kIndexColumns; ++c) {
    const Column& column = index.store().column(c);
    views.append(py::array_t<uint8_t>({column.n_rows(), column.width()}, column.data(), self));
  }
  return views;
}

void restore(Index& index, size_t n, const OptionalArray<int64_t>& ids, int64_t next_id,
             const std::vector<OptionalArray<uint8_t>>& arrays) {
  if (arrays.size() != kIndexColumns) throw std::invalid_argument("wrong number of columns");
  if (next_id < 0) throw std::invalid_argument("next_id must be >= 0");
  std::vector<const uint8_t*> data;
  py::list owners;
  for (size_t c = 0; c < kIndexColumns; ++c) {
    data.push_back(values_of(arrays[c], n, index.store().column(c).width(), "a column"));
    if (arrays[c]) owners.append(*arrays[c]);
  }
  if (ids) owners.append(*ids);
  const std::shared_ptr<const void> owner = owner_of(std::move(owners));
  const int64_t* id_values = values_of(ids, n, ids.has_value() ? 1 : 0, "ids");
  const GilRelease no_gil;
  index.restore(n, id_values, next_id, data, owner);
}

// A kind that keeps nothing besides its rows; others have their own two methods.
void refuse_structure(Index&, const py::dict& arrays) { StructureArrays(arrays).refuse_others(); }

}  // namespace

void bind_index(py::module_& module) {
  using py::arg;
  const auto none = py::none();
  const py::call_guard<GilRelease> no_gil;
  module.def("metric_names", &metric_names);
  py::class_<Index>(module, "Index")
      .def_property_readonly("isa", &Index::isa)
      .def("__len__", &Index::size, no_gil)
      .def("__contains__", py::overload_cast<int64_t>(&Index::contains, py::const_), arg("id"),
           no_gil)
      .def("contains_each", &contains_each, arg("ids").noconvert())
      .def("memory_bytes", &Index::memory_bytes, no_gil)
      .def("structure_memory_bytes", &Index::structure_memory_bytes, no_gil)
      .def("next_id", &Index::next_id, no_gil)
      .def("ids", &all_ids)
      .def("get", &get, arg("ids").noconvert())
      .def(
          "add",
          [](Index& index, const Bytes& codes, const OptionalArray<int64_t>& ids,
             const OptionalArray<float>& scales, const OptionalArray<float>& offsets,
             const OptionalArray<uint8_t>& vectors, const OptionalArray<uint32_t>& lists) {
            const NewRows rows = new_rows(index, codes, ids, scales, offsets, vectors, lists);
            const auto poll = poll_of_this_thread();
            const GilRelease no_gil;
            index.add(rows, poll);
          },
          arg("codes").noconvert(), arg("ids").noconvert(), arg("scales").noconvert() = none,
          arg("offsets").noconvert() = none, arg("vectors").noconvert() = none,
          arg("lists").noconvert() = none)
      .def(
          "update",
          [](Index& index, const Ids& ids, const Bytes& codes, const OptionalArray<float>& scales,
             const OptionalArray<float>& offsets, const OptionalArray<uint8_t>& vectors,
             const OptionalArray<uint32_t>& lists) {
            const NewRows rows = new_rows(index, codes, ids, scales, offsets, vectors, lists);
            const auto poll = poll_of_this_thread();
            const GilRelease no_gil;
            index.update(rows, poll);
          },
          arg("ids").noconvert(), arg("codes").noconvert(), arg("scales").noconvert() = none,
          arg("offsets").noconvert() = none, arg("vectors").noconvert() = none,
          arg("lists").noconvert() = none)
      .def(
          "take",
          [](Index& index, const std::vector<Index*>& others, const Ids& ids, const Bytes& codes,
             const OptionalArray<float>& scales, const OptionalArray<float>& offsets,
             const OptionalArray<uint8_t>& vectors, const OptionalArray<uint32_t>& lists) {
            const NewRows rows = new_rows(index, codes, ids, scales, offsets, vectors, lists);
            const auto poll = poll_of_this_thread();
            const GilRelease no_gil;
            index.take(rows, others, poll);
          },
          arg("others"), arg("ids").noconvert(), arg("codes").noconvert(),
          arg("scales").noconvert() = none, arg("offsets").noconvert() = none,
          arg("vectors").noconvert() = none, arg("lists").noconvert() = none)
      .def(
          "remove",
          [](Index& index, const Ids& ids, const std::vector<Index*>& others) {
            const auto poll = poll_of_this_thread();
            const GilRelease no_gil;
            return index.remove(ids.data(), static_cast<size_t>(ids.size()), others, poll);
          },
          arg("ids").noconvert(), arg("others") = std::vector<Index*>())
      .def("search", &search, arg("queries").noconvert(), arg("k"), arg("filter").noconvert(),
           arg("threads"), arg("effort") = 0)
      .def("range_search", &range_search, arg("queries").noconvert(), arg("radius"),
           arg("filter").noconvert(), arg("threads"), arg("effort") = 0)
      .def("search_estimates", &search_estimates, py::kw_only(), arg("weights").noconvert(),
           arg("signs").noconvert(), arg("magnitudes").noconvert(),
           arg("constants").noconvert() = none, arg("k"), arg("n_candidates"),
           arg("vector_queries").noconvert(), arg("squared_l2"), arg("filter").noconvert(),
           arg("threads"), arg("effort") = 0, arg("list_similarities").noconvert() = none,
           arg("list_factors").noconvert() = none)
      .def("compact",
           [](Index& index) {
             const auto poll = poll_of_this_thread();
             const GilRelease no_gil;
             index.compact(poll);
           })
      .def("structure", [](const Index&) { return py::dict(); })
      .def("restore_structure", &refuse_structure, arg("arrays"))
      .def("columns", &columns)
      .def("restore", &restore, arg("n"), arg("ids").noconvert(), arg("next_id"),
           arg("columns").noconvert())
      .def("check_content", [](const Index& index) {
        const auto poll = poll_of_this_thread();
        const GilRelease released;
        index.check_content(poll);
      });
}

}  // namespace bitindex
