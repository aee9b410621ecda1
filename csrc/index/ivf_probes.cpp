// How many lists a search looks at: learned by asking with rows of the index.
#include <algorithm>
#include <cmath>

#include "codes/random.h"
#include "index/ivf_index.h"
#include "scan/thread_pool.h"
#include "tables/estimate.h"

namespace bitindex {
namespace {

constexpr size_t kAskedRows = 256;
constexpr size_t kAskedFloats = 128;  // of these; they cost more
constexpr size_t kAskedNeighbours = 10;
// It is learned again when one row of so many has changed.
constexpr size_t kChangedShare = 4;

}  // namespace

void IVFIndex::learn_probes(Cancel& cancel) {
  const size_t n_live = store().n_live(), n_before = since_probes_.n_learned();
  const bool is_known = n_before > 0 && since_probes_.n_changed(n_live) * kChangedShare < n_before;
  if (options_.n_probes > 0 || n_live == 0 || is_known) return;
  std::vector<uint32_t> asked = store().live_rows();
  keep_at_random(asked, kAskedRows, options_.seed + 1);
  const std::vector<uint8_t> codes = codes_of(asked);
  const auto code_score = [&](const RowStore& rows) {
    return metric().score(kernels(), layout().codes(), codes.data(), asked.size(),
                          rows.column(kRowTerms).floats());
  };
  n_learned_.codes = probes_for_target(asked, code_score, cancel);
  // Embeddings are kept with this metric.
  if (metric().integer_distances) {
    keep_at_random(asked, kAskedFloats, options_.seed + 2);
    const std::vector<float> weights = float_queries(asked, options_.seed + 3);
    const auto float_score = [&](const RowStore& rows) {
      const EstimateTerms terms = {rows.column(kScales).floats(), rows.column(kOffsets).floats(),
                                   nullptr};
      return std::make_unique<WeightScore>(weights.data(), asked.size(), layout().codes(), terms);
    };
    n_learned_.floats = probes_for_target(asked, float_score, cancel);
  }
  since_probes_ = RowChanges(n_live);
}

// Floats that rows may stand for: a bit is the sign of a number that is spread like a normal one.
std::vector<float> IVFIndex::float_queries(const std::vector<uint32_t>& rows, uint64_t seed) const {
  constexpr float kMeanSize = 0.65f;  // of what is drawn here
  std::vector<float> weights;
  weights.reserve(rows.size() * layout().n_bits);
  for (const uint32_t row : rows) {
    const uint8_t* const code = store().column(kCodes).row(row);
    const float scale = layout().has_scales ? store().column(kScales).floats()[row] : 1.0f;
    for (size_t bit = 0; bit < layout().n_bits; ++bit) {
      float sum = 0.0f;  // of 8 numbers from -1/2 to 1/2
      for (uint64_t random = next_random(seed), i = 0; i < 8; ++i, random >>= 8)
        sum += static_cast<float>(random & 255) / 255.0f - 0.5f;
      const float size = std::abs(sum) / kMeanSize * options_.weight_sizes[bit] * scale;
      const size_t place = layout().big_endian ? 7 - bit % 8 : bit % 8;
      weights.push_back((code[bit / 8] >> place & 1) != 0 ? size : -size);
    }
  }
  return weights;
}

size_t IVFIndex::probes_for_target(const std::vector<uint32_t>& asked, const ScoreMaker& score,
                                   Cancel& cancel) const {
  const RowFilter all(store(), {});
  const Scan scan = {store(), kernels(), all, default_threads(), cancel};
  const CandidateLists neighbours =
      scan_nearest(scan, *score(store()), asked.size(), kAskedNeighbours + 1);
  const CandidateLists lists = centroids_->rank(*score(centroids_->store()), asked.size(),
                                                groups_.n_groups(), scan.n_threads, cancel);

  // n_found[i]: neighbours in the i-th nearest list of their query.
  std::vector<size_t> n_found(groups_.n_groups(), 0);
  // Of rows without a list it stays 0: every query looks at them.
  std::vector<size_t> ranks(groups_.n_groups() + 1, 0);
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
  return n_probes;
}

}  // namespace bitindex
