#include <pybind11/stl.h>

#include <cmath>

#include "arrays.h"
#include "bindings.h"
#include "gil.h"
#include "index/ivf_index.h"
#include "layout.h"
#include "signals.h"
#include "structure_arrays.h"

namespace bitindex {
namespace {

// "auto" stands for the number that reaches the target recall.
using Probes = std::variant<size_t, std::string>;

IVFOptions make_options(std::optional<size_t> n_lists, const Probes& nprobe, double target_recall,
                        uint64_t seed) {
  IVFOptions options;
  options.n_lists = n_lists.value_or(0);
  if (const auto* number = std::get_if<size_t>(&nprobe)) options.n_probes = *number;
  options.target_recall = target_recall;
  options.seed = seed;
  return options;
}

py::dict structure(const IVFIndex& index) {
  py::dict arrays;
  const IVFStructure structure = index.structure();
  if (structure.sizes.empty()) return arrays;
  std::vector<int64_t> state = {static_cast<int64_t>(structure.n_trained),
                                static_cast<int64_t>(structure.learned.codes.n_most),
                                static_cast<int64_t>(structure.learned.floats.n_most),
                                structure.is_given};
  if (structure.n_near > 0) state.push_back(static_cast<int64_t>(structure.n_near));
  arrays["centroids"] = array_of(structure.centroids);
  if (!structure.terms.scales.empty()) arrays["scales"] = array_of(structure.terms.scales);
  if (!structure.terms.offsets.empty()) arrays["offsets"] = array_of(structure.terms.offsets);
  if (!structure.means.empty()) arrays["means"] = array_of(structure.means);
  arrays["sizes"] = array_of(structure.sizes);
  arrays["radii"] = array_of(structure.radii);
  arrays["state"] = array_of(state);
  const Reach& reach = structure.learned.codes;
  if (std::isfinite(reach.margin))
    arrays["reach"] = array_of(std::vector<float>{reach.margin, static_cast<float>(reach.n_mean)});
  return arrays;
}

Reach reach_of(size_t n_most, const std::vector<float>& reach) {
  const bool is_right = reach.size() == 2 && reach[0] >= 0.0f && reach[1] >= 1.0f &&
                        reach[1] <= static_cast<float>(n_most) && std::isfinite(reach[0]);
  if (!is_right)
    throw std::invalid_argument(
        "section 'structure/reach' must hold a distance and a number of lists in reach");
  return {n_most, reach[0], static_cast<size_t>(reach[1])};
}

void restore_structure(IVFIndex& index, const py::dict& given) {
  StructureArrays arrays(given);
  if (arrays.empty()) return;
  IVFStructure structure;
  structure.centroids = arrays.take_values<uint8_t>("centroids");
  structure.terms = {arrays.take_values_if_any<float>("scales"),
                     arrays.take_values_if_any<float>("offsets")};
  structure.means = arrays.take_values_if_any<int8_t>("means");
  structure.sizes = arrays.take_values<uint32_t>("sizes");
  structure.radii = arrays.take_values<float>("radii");
  const auto state = arrays.take_values<int64_t>("state");
  const auto reach = arrays.take_values_if_any<float>("reach");
  arrays.refuse_others();
  if (state.size() < 4 || state.size() > 5 || *std::min_element(state.begin(), state.end()) < 0)
    throw std::invalid_argument("section 'structure/state' must hold four or five numbers >= 0");
  if (structure.sizes.empty())
    throw std::invalid_argument("section 'structure/sizes' must hold at least one number");
  structure.n_trained = static_cast<size_t>(state[0]);
  structure.learned.codes = {static_cast<size_t>(state[1])};
  structure.learned.floats = {static_cast<size_t>(state[2])};
  if (!reach.empty()) structure.learned.codes = reach_of(structure.learned.codes.n_most, reach);
  structure.is_given = state[3] != 0;
  if (state.size() > 4) structure.n_near = static_cast<size_t>(state[4]);
  const GilRelease no_gil;
  index.restore_structure(structure);
}

}  // namespace

void bind_ivf_index(py::module_& module) {
  using py::arg;
  const py::call_guard<GilRelease> no_gil;
  py::class_<IVFIndex, Index>(module, "IVFIndex")
      .def(py::init([](size_t n_bits, const std::string& metric, bool big_endian, bool has_scales,
                       bool has_offsets, int vector_type, size_t n_dims,
                       std::optional<size_t> n_lists, const Probes& nprobe, double target_recall,
                       uint64_t seed, const std::optional<Array<float>>& weight_sizes) {
             IVFOptions options = make_options(n_lists, nprobe, target_recall, seed);
             if (weight_sizes)
               options.weight_sizes.assign(weight_sizes->data(),
                                           weight_sizes->data() + weight_sizes->size());
             return std::make_unique<IVFIndex>(make_layout(n_bits, metric, big_endian, has_scales,
                                                           has_offsets, vector_type, n_dims),
                                               options);
           }),
           arg("n_bits"), arg("metric") = "hamming", arg("big_endian") = true, py::kw_only(),
           arg("has_scales") = false, arg("has_offsets") = false, arg("vector_type") = 0,
           arg("n_dims") = 0, arg("n_lists") = py::none(), arg("nprobe") = "auto",
           arg("target_recall") = 0.95, arg("seed") = 0, arg("weight_sizes") = py::none())
      .def("n_lists", &IVFIndex::n_lists, no_gil)
      .def("nprobe", &IVFIndex::n_probes, no_gil)
      .def(
          "train",
          [](IVFIndex& index, const Array<uint8_t>& codes) {
            const size_t n = rows_of(codes, index.layout().n_bytes(), "codes");
            const auto poll = poll_of_this_thread();
            const GilRelease released;
            index.train(codes.data(), n, poll);
          },
          arg("codes").noconvert())
      .def("rebalance",
           [](IVFIndex& index) {
             const auto poll = poll_of_this_thread();
             const GilRelease released;
             index.rebalance(poll);
           })
      .def("structure", &structure)
      .def("restore_structure", &restore_structure, arg("arrays"));
}

}  // namespace bitindex
