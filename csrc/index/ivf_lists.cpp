// How the lists of an inverted file come about.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "codes/random.h"
#include "index/ivf_index.h"

namespace bitindex {
namespace {

// Lists, times the square root of the rows. From kManyRows on, where they make so many lists that
// centroids stand in regions, more lists cost a query less than the rows that they spare it.
constexpr double kListsPerRoot = 2.0;
constexpr double kListsPerRootOfMany = 4.0;
constexpr size_t kManyRows = 500000;
constexpr size_t kTrainedPerList = 48;

// The centroids that have rows; lists are numbered anew by them. Those that are given before any
// row stay.
std::vector<uint32_t> drop_empty(size_t n_centroids, std::vector<uint32_t>& lists) {
  std::vector<uint32_t> numbers(n_centroids, lists.empty() ? 1 : 0);
  for (const uint32_t list : lists) numbers[list] = 1;
  std::vector<uint32_t> kept;
  for (uint32_t list = 0; list < n_centroids; ++list)
    if (numbers[list] != 0) {
      numbers[list] = static_cast<uint32_t>(kept.size());
      kept.push_back(list);
    }
  for (uint32_t& list : lists) list = numbers[list];
  return kept;
}

// Some of the codes, back to back.
std::vector<uint8_t> gathered(const uint8_t* codes, size_t n_bytes,
                              const std::vector<uint32_t>& rows) {
  std::vector<uint8_t> copies(rows.size() * n_bytes);
  for (size_t i = 0; i < rows.size(); ++i)
    std::memcpy(copies.data() + i * n_bytes, codes + rows[i] * n_bytes, n_bytes);
  return copies;
}

}  // namespace

size_t IVFIndex::lists_for(size_t n_rows) const {
  const bool is_regional = n_rows >= kManyRows && Centroids(*this, kernels(), store()).uses_means();
  const double by_rows =
      (is_regional ? kListsPerRootOfMany : kListsPerRoot) * std::sqrt(static_cast<double>(n_rows));
  const size_t wanted = options_.n_lists > 0 ? options_.n_lists : static_cast<size_t>(by_rows);
  return std::max<size_t>(1, std::min(wanted, n_rows / kMinRowsOfList));
}

std::vector<uint8_t> IVFIndex::codes_of(const std::vector<uint32_t>& rows) const {
  return gathered(store().column(kCodes).data(), layout().n_bytes(), rows);
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
  const std::vector<uint8_t> sample = gathered(codes, layout().n_bytes(), chosen);
  auto centroids = std::make_unique<Centroids>(*this, kernels(), store());
  centroids->learn(sample.data(), chosen.size(), n_lists, cancel);
  fill_lists(std::move(centroids), cancel);
  is_given_ = true;
  learn_reach(cancel);
}

void IVFIndex::rebalance(bool (*poll)()) {
  Cancel cancel(poll);
  const auto guard = lock().write();
  if (store().n_live() == 0) return;
  make_lists(cancel);
  learn_reach(cancel);
}

void IVFIndex::make_lists(Cancel& cancel) {
  const size_t n_lists = lists_for(store().n_live());
  std::vector<uint32_t> rows = store().live_rows();
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
  const std::vector<uint32_t> kept = drop_empty(centroids->size(), lists);
  const size_t n_lists = kept.size();
  std::vector<float> radii(n_lists, 0.0f);
  for (size_t row = 0; row < n_rows; ++row)
    radii[lists[row]] = std::max(radii[lists[row]], nearest[row].key());
  RowOrder order = order_by_group(lists, n_lists, [&](size_t row) { return store().is_live(row); });
  centroids->keep(kept, mean_terms(order), cancel);
  RowGroups groups(std::move(order.starts));
  reorder_rows(order.rows);

  centroids_ = std::move(centroids);
  groups_ = std::move(groups);
  radii_ = std::move(radii);
  since_lists_ = RowChanges(store().n_live());
  since_learned_ = RowChanges();
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

}  // namespace bitindex
