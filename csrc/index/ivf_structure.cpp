// The lists of an inverted file as arrays of a file, and back.
#include <algorithm>
#include <cmath>

#include "index/ivf_index.h"

namespace bitindex {
namespace {

void check_size(const char* name, size_t size, size_t expected) {
  if (size != expected)
    throw std::invalid_argument("section 'structure/" + std::string(name) + "' must hold " +
                                std::to_string(expected) + " numbers, got " + std::to_string(size));
}

}  // namespace

IVFStructure IVFIndex::structure() const {
  const auto guard = lock().read();
  IVFStructure structure;
  if (!has_lists()) return structure;
  structure.centroids = centroids_->codes();
  structure.terms = centroids_->terms();
  structure.means = centroids_->means().weights();
  structure.sizes = list_sizes();
  structure.radii = radii_;
  structure.n_trained = since_lists_.n_learned();
  structure.n_near = centroids_->n_near();
  structure.learned = learned_;
  structure.is_given = is_given_;
  return structure;
}

void IVFIndex::restore_structure(const IVFStructure& structure) {
  const size_t n_lists = structure.sizes.size();
  check_size("centroids", structure.centroids.size(), n_lists * layout().n_bytes());
  check_size("scales", structure.terms.scales.size(), layout().has_scales ? n_lists : 0);
  check_size("offsets", structure.terms.offsets.size(), layout().has_offsets ? n_lists : 0);
  check_size("radii", structure.radii.size(), n_lists);
  for (const auto* numbers : {&structure.terms.scales, &structure.terms.offsets, &structure.radii})
    if (!std::all_of(numbers->begin(), numbers->end(), [](float x) { return std::isfinite(x); }))
      throw std::invalid_argument("numbers of lists must be finite");
  check_padding(structure.centroids.data(), n_lists, "centroids");
  Cancel cancel(nullptr);
  const auto guard = lock().write();
  auto centroids = std::make_unique<Centroids>(*this, kernels(), store());
  if (!structure.means.empty())
    check_size("means", structure.means.size(),
               centroids->uses_means() ? 8 * structure.centroids.size() : 0);
  if (structure.n_near > (centroids->uses_means() ? n_lists : 0))
    throw std::invalid_argument(
        "section 'structure/state' must not name more lists than there are in regions");
  RowGroups groups = lists_of_sizes(structure.sizes);
  centroids->set(structure.centroids.data(), n_lists, structure.terms,
                 {layout().n_bytes(), structure.means}, structure.n_near, cancel);
  groups_ = std::move(groups);
  centroids_ = std::move(centroids);
  radii_ = structure.radii;
  since_lists_ = RowChanges(structure.n_trained);
  const size_t n_live = store().n_live();
  since_lists_.count(n_live - std::min(n_live, structure.n_trained), 0);
  learned_ = structure.learned;
  since_learned_ = RowChanges(n_live);
  is_given_ = structure.is_given;
}

// A radius search leaves out lists that are too far away by their radii. Of other metrics radii are
// not used.
void IVFIndex::check_structure(Cancel& cancel) const {
  if (!has_lists() || !metric().integer_distances) return;
  const Column& codes = store().column(kCodes);
  std::vector<uint32_t> distances;
  for (size_t list = 0; list < groups_.n_groups(); ++list) {
    cancel.throw_if_stopped();
    const size_t first = groups_.starts()[list];
    distances.resize(groups_.starts()[list + 1] - first);
    kernels().xor_count_rows(centroids_->store().column(kCodes).row(list), codes.row(first),
                             distances.size(), codes.width(), distances.data());
    const auto is_outside = [&](uint32_t d) { return static_cast<float>(d) > radii_[list]; };
    if (std::any_of(distances.begin(), distances.end(), is_outside))
      throw std::invalid_argument("section 'structure/radii' must reach all rows of list " +
                                  std::to_string(list));
  }
}

}  // namespace bitindex
