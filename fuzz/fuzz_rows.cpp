// Rows of FlatIndex: ids that repeat, popcounts that are none, factors and vectors that are not
// finite.
#include "harness.h"
#include "index/flat_index.h"

namespace bitindex::fuzz {
namespace {

IndexLayout chosen_layout(FuzzedDataProvider& data) {
  const char* const metrics[] = {"hamming", "jaccard", "dice", "cosine", "sdc2", "sdc4"};
  IndexLayout layout;
  layout.n_bits = kBits;
  layout.big_endian = data.ConsumeBool();
  layout.metric = data.PickValueInArray(metrics);
  if (layout.metric != "hamming") return layout;
  layout.has_scales = data.ConsumeBool();
  layout.has_offsets = data.ConsumeBool();
  const VectorType types[] = {kFloat32, kFloat16, kInt8};
  layout.vectors = {data.PickValueInArray(types), data.ConsumeIntegralInRange<size_t>(0, 9)};
  return layout;
}

void fill(FlatIndex& index) {
  const std::vector<uint8_t> codes = make_codes(kRows, 1);
  const std::vector<float> ones(kRows, 1.0f);
  const std::vector<uint8_t> zeros(kRows * index.layout().vectors.row_bytes());
  std::vector<int64_t> ids(kRows);
  for (size_t row = 0; row < kRows; ++row) ids[row] = static_cast<int64_t>(row * 7 % kRows);
  NewRows rows = {kRows, ids.data(), codes.data(), nullptr, nullptr, nullptr};
  if (index.layout().has_scales) rows.scales = ones.data();
  if (index.layout().has_offsets) rows.offsets = ones.data();
  if (!zeros.empty()) rows.vectors = zeros.data();
  index.add(rows);
  index.compact(nullptr);
}

void search_floats(const FlatIndex& index) {
  const IndexLayout& layout = index.layout();
  const std::vector<float> weights(2 * kBits, 0.25f), queries(2 * layout.vectors.n_dims, 1.0f);
  EstimateQueries estimates;
  estimates.n = 2;
  estimates.weights = weights.data();
  for (const bool squared_l2 : {false, true})
    for (const std::optional<size_t> n_candidates : {std::optional<size_t>(), {size_t{20}}}) {
      const VectorQueries vectors = {queries.data(), squared_l2};
      SearchOptions options;
      options.n_threads = 1;
      std::vector<int64_t> ids(2 * 5), n_rescored(2);
      std::vector<float> scores(2 * 5);
      index.search_estimates(estimates, 5, n_candidates,
                             layout.vectors.n_dims > 0 ? &vectors : nullptr, options,
                             {ids.data(), nullptr, scores.data(), n_rescored.data()});
      for (const int64_t id : ids) check(id == -1 || index.contains(id));
    }
}

}  // namespace

void try_input(FuzzedDataProvider& data) {
  const IndexLayout layout = chosen_layout(data);
  const bool by_popcount =
      (layout.metric == "jaccard" || layout.metric == "dice" || layout.metric == "cosine") &&
      data.ConsumeBool();
  FlatIndex sound(layout, by_popcount);
  fill(sound);
  StoredRows rows = stored_rows(sound);
  change(rows.ids, data);
  for (std::vector<uint8_t>& column : rows.columns) change(column, data);
  if (data.ConsumeBool()) rows.next_id = odd_value<int64_t>(data);
  if (data.ConsumeBool()) rows.n = data.ConsumeIntegralInRange<size_t>(0, 2 * kRows);
  FlatIndex index(layout, by_popcount);
  bool is_consistent = true;
  try {
    restore_rows(index, rows);
    index.find_order();
  } catch (const std::exception&) {
    return;
  }
  try {
    index.check_content(nullptr);
  } catch (const std::invalid_argument&) {
    is_consistent = false;
  }
  search(index);
  if (layout.metric == "hamming") search_floats(index);
  if (layout.metric == "hamming" &&
      (layout.has_scales || layout.has_offsets || layout.vectors.n_dims > 0))
    return;  // rows to add would need all of that
  try {
    change_rows(index);
  } catch (const std::invalid_argument&) {
    return;  // no ids are left
  }
  FlatIndex again(layout, by_popcount);
  restore_rows(again, stored_rows(index));
  again.find_order();
  if (is_consistent) again.check_content(nullptr);
}

}  // namespace bitindex::fuzz
