// How the lists of an inverted file come about.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "codes/random.h"
#include "index/ivf_index.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr double kListsPerRoot = 2.0;  // lists, times the square root of the rows
constexpr size_t kTrainedPerList = 48;
constexpr size_t kAskedRows = 256;  // from which the number of probes is learned
constexpr size_t kAskedNeighbours = 10;

// Leaves out centroids without rows, and numbers the others anew. Those that are given before any
// row stay.
std::vector<uint8_t> drop_empty(const Centroids& centroids, std::vector<uint32_t>& lists) {
  if (lists.empty()) return centroids.codes();
  const Column& codes = centroids.store().column(kCodes);
  std::vector<uint32_t> numbers(centroids.size());
  for (const uint32_t list : lists) numbers[list] = 1;
  std::vector<uint8_t> kept;
  uint32_t next = 0;
  for (size_t list = 0; list < numbers.size(); ++list) {
    if (numbers[list] == 0) continue;
    numbers[list] = next++;
    kept.insert(kept.end(), codes.row(list), codes.row(list + 1));
  }
  for (uint32_t& list : lists) list = numbers[list];
  return kept;
}

void check_size(const char* name, size_t size, size_t expected) {
  if (size != expected)
    throw std::invalid_argument("section 'structure/" + std::string(name) + "' must hold " +
                                std::to_string(expected) + " numbers, got " + std::to_string(size));
}

}  // namespace

size_t IVFIndex::lists_for(size_t n_rows) const noexcept {
  const double by_rows = kListsPerRoot * std::sqrt(static_cast<double>(n_rows));
  const size_t wanted = options_.n_lists > 0 ? options_.n_lists : static_cast<size_t>(by_rows);
  return std::max<size_t>(1, std::min(wanted, n_rows / kMinRowsOfList));
}

std::vector<uint32_t> IVFIndex::live_rows() const {
  std::vector<uint32_t> rows;
  rows.reserve(store().n_live());
  for (size_t row = 0; row < store().n_rows(); ++row)
    if (store().is_live(row)) rows.push_back(static_cast<uint32_t>(row));
  return rows;
}

std::vector<uint8_t> IVFIndex::codes_of(const std::vector<uint32_t>& rows) const {
  const Column& codes = store().column(kCodes);
  std::vector<uint8_t> copies(rows.size() * codes.width());
  for (size_t i = 0; i < rows.size(); ++i)
    std::memcpy(copies.data() + i * codes.width(), codes.row(rows[i]), codes.width());
  return copies;
}

void IVFIndex::train(const uint8_t* codes, size_t n, bool (*poll)()) {
  check_padding(codes, n, "codes");
  if (n == 0) throw std::invalid_argument("codes must have at least one row, got none");
  Cancel cancel(poll);
  const auto guard = lock().write();
  const size_t n_lists = lists_for(std::max(n, store().n_live()));
  std::vector<uint32_t> chosen(n);
  std::iota(chosen.begin(), chosen.end(), 0u);
  keep_at_random(chosen, n_lists * kTrainedPerList, options_.seed);
  const size_t n_bytes = layout().n_bytes();
  std::vector<uint8_t> sample(chosen.size() * n_bytes);
  for (size_t i = 0; i < chosen.size(); ++i)
    std::memcpy(sample.data() + i * n_bytes, codes + chosen[i] * n_bytes, n_bytes);
  auto centroids = std::make_unique<Centroids>(*this, kernels(), store());
  centroids->learn(sample.data(), chosen.size(), n_lists, cancel);
  fill_lists(std::move(centroids), cancel);
  is_given_ = true;
  learn_probes(cancel);
}

void IVFIndex::rebalance(bool (*poll)()) {
  Cancel cancel(poll);
  const auto guard = lock().write();
  if (store().n_live() == 0) return;
  make_lists(cancel);
  learn_probes(cancel);
}

void IVFIndex::make_lists(Cancel& cancel) {
  const size_t n_lists = lists_for(store().n_live());
  std::vector<uint32_t> rows = live_rows();
  keep_at_random(rows, n_lists * kTrainedPerList, options_.seed);
  auto centroids = std::make_unique<Centroids>(*this, kernels(), store());
  centroids->learn(codes_of(rows).data(), rows.size(), n_lists, cancel);
  fill_lists(std::move(centroids), cancel);
  is_given_ = false;
}

void IVFIndex::fill_lists(std::unique_ptr<Centroids> centroids, Cancel& cancel) {
  const size_t n_rows = store().n_rows();
  const std::vector<Candidate> nearest =
      centroids->nearest(store().column(kCodes).data(), n_rows, cancel);
  std::vector<uint32_t> lists(n_rows);
  for (size_t row = 0; row < n_rows; ++row) lists[row] = nearest[row].row();
  const std::vector<uint8_t> codes = drop_empty(*centroids, lists);
  const size_t n_lists = codes.size() / layout().n_bytes();
  std::vector<float> radii(n_lists, 0.0f);
  for (size_t row = 0; row < n_rows; ++row)
    radii[lists[row]] = std::max(radii[lists[row]], nearest[row].key());
  RowOrder order =
      order_by_group(lists, n_lists, [&](size_t row) { return store().is_live(row); });
  centroids->set(codes.data(), n_lists, mean_terms(order));
  RowGroups groups(std::move(order.starts));
  reorder_rows(order.rows);

  centroids_ = std::move(centroids);
  groups_ = std::move(groups);
  radii_ = std::move(radii);
  n_trained_ = store().n_live();
  n_learned_from_ = 0;
}

CentroidTerms IVFIndex::mean_terms(const RowOrder& order) const {
  const auto means = [&](const float* values) {
    std::vector<float> means(order.starts.size() - 1, 0.0f);
    for (size_t list = 0; list < means.size(); ++list) {
      double sum = 0.0;
      for (size_t i = order.starts[list]; i < order.starts[list + 1]; ++i)
        sum += values[order.rows[i]];
      const size_t n = order.starts[list + 1] - order.starts[list];
      if (n > 0) means[list] = static_cast<float>(sum / static_cast<double>(n));
    }
    return means;
  };
  CentroidTerms terms;
  if (layout().has_scales) terms.scales = means(store().column(kScales).floats());
  if (layout().has_offsets) terms.offsets = means(store().column(kOffsets).floats());
  return terms;
}

void IVFIndex::learn_probes(Cancel& cancel) {
  if (options_.n_probes > 0 || store().n_live() < std::max<size_t>(1, 2 * n_learned_from_)) return;
  std::vector<uint32_t> asked = live_rows();
  keep_at_random(asked, kAskedRows, options_.seed + 1);
  const std::vector<uint8_t> codes = codes_of(asked);
  const auto nearest = [&](const RowStore& rows, size_t k) {
    const RowFilter all(rows, {});
    const Scan scan = {rows, kernels(), all, default_threads(), cancel};
    const auto score = metric().score(kernels(), layout().codes(), codes.data(), asked.size(),
                                      rows.column(kRowTerms).floats());
    return scan_nearest(scan, *score, asked.size(), k);
  };
  const CandidateLists neighbours = nearest(store(), kAskedNeighbours + 1);
  const CandidateLists lists = nearest(centroids_->store(), groups_.n_groups());

  // n_found[i]: neighbours in the i-th nearest list of their query.
  std::vector<size_t> n_found(groups_.n_groups(), 0);
  std::vector<size_t> ranks(groups_.n_groups());
  size_t n_neighbours = 0;
  for (size_t q = 0; q < asked.size(); ++q) {
    for (size_t i = 0; i < lists[q].size(); ++i) ranks[lists[q][i].row()] = i;
    for (const Candidate& neighbour : neighbours[q]) {
      if (neighbour.row() == asked[q]) continue;
      ++n_found[ranks[groups_.group_of(neighbour.row())]];
      ++n_neighbours;
    }
  }
  // Queries are farther from rows than rows from each other: half of the misses is left to that.
  const double share = (1.0 + options_.target_recall) / 2.0;
  const double enough = share * static_cast<double>(n_neighbours);
  size_t n_probes = 1;
  for (size_t found = n_found[0]; static_cast<double>(found) < enough; ++n_probes)
    found += n_found[n_probes];
  n_learned_probes_ = n_probes;
  n_learned_from_ = store().n_live();
}

IVFStructure IVFIndex::structure() const {
  const auto guard = lock().read();
  IVFStructure structure;
  if (!has_lists()) return structure;
  structure.centroids = centroids_->codes();
  structure.terms = centroids_->terms();
  for (size_t list = 0; list < groups_.n_groups(); ++list)
    structure.sizes.push_back(
        static_cast<uint32_t>(groups_.starts()[list + 1] - groups_.starts()[list]));
  structure.radii = radii_;
  structure.n_trained = n_trained_;
  structure.n_probes = n_learned_probes_;
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

  const auto guard = lock().write();
  std::vector<size_t> starts = {0};
  for (const uint32_t size : structure.sizes) starts.push_back(starts.back() + size);
  if (starts.back() > store().n_rows())
    throw std::invalid_argument("lists must hold at most " + std::to_string(store().n_rows()) +
                                " rows, got " + std::to_string(starts.back()));
  auto centroids = std::make_unique<Centroids>(*this, kernels(), store());
  centroids->set(structure.centroids.data(), n_lists, structure.terms);
  groups_ = RowGroups(std::move(starts));
  centroids_ = std::move(centroids);
  radii_ = structure.radii;
  n_trained_ = structure.n_trained;
  n_learned_probes_ = structure.n_probes;
  n_learned_from_ = store().n_live();
  is_given_ = structure.is_given;
}

}  // namespace bitindex
