// One index of each kind, and rows for it, for programs that try what all of them promise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "codes/random.h"
#include "index/flat_index.h"
#include "index/hnsw_index.h"
#include "index/ivf_index.h"
#include "index/mih_index.h"

namespace bitindex {

constexpr size_t kBytes = 32, kDims = 8;

struct Kind {
  const char* name;
  bool is_exact;        // with the effort that it is set to
  size_t least_effort;  // with which it still finds rows by their own codes
  std::function<std::unique_ptr<Index>()> make;
};

// Everything that a row may have.
inline IndexLayout full_layout(const char* metric) {
  IndexLayout layout;
  layout.n_bits = 8 * kBytes;
  layout.metric = metric;
  layout.has_scales = layout.has_offsets = true;
  layout.vectors = {kFloat32, kDims};
  return layout;
}

template <class T, class... Options>
std::function<std::unique_ptr<Index>()> maker(const char* metric, Options... options) {
  return [=] { return std::make_unique<T>(full_layout(metric), options...); };
}

// Set up so that a thousand rows have lists, links and tables.
inline std::vector<Kind> index_kinds() {
  const IVFOptions all_lists = {12, 12, 0.95, 0};
  const HNSWOptions few_links = {8, 16, 8, 0};
  return {{"flat", true, 1, maker<FlatIndex>("hamming", false)},
          {"flat by popcount", true, 1, maker<FlatIndex>("jaccard", true)},
          {"ivf", true, 1, maker<IVFIndex>("hamming", all_lists)},
          {"hnsw", false, 8, maker<HNSWIndex>("hamming", few_links)},
          {"mih", true, 1, maker<MihIndex>("hamming", MihOptions())}};
}

// Rows with the ids first, first + 1, ... Their codes are four numbers, each as so many set bits:
// few enough dimensions for links and lists to lead to their neighbours.
struct Rows {
  Rows(size_t n, int64_t first, uint64_t seed)
      : ids(n), codes(n * kBytes), factors(n, 1.0f), vectors(n * kDims * sizeof(float)) {
    std::iota(ids.begin(), ids.end(), first);
    for (size_t number = 0; number < 4 * n; ++number)
      for (size_t bit = next_random(seed) % 65; bit-- > 0;)
        codes[number * 8 + bit / 8] |= static_cast<uint8_t>(1u << (bit % 8));
  }
  NewRows view() const {
    const float* const numbers = factors.data();
    return {ids.size(), ids.data(), codes.data(), numbers, numbers, vectors.data()};
  }

  std::vector<int64_t> ids;
  std::vector<uint8_t> codes;
  std::vector<float> factors;
  std::vector<uint8_t> vectors;
};

// Returns the ids of the 10 most similar rows of each of 3 queries that are floats.
inline std::vector<int64_t> search_estimates(const Index& index, std::optional<size_t> n_candidates,
                                             const SearchOptions& options) {
  const std::vector<float> weights(3 * 8 * kBytes, 0.5f), vectors(3 * kDims, 1.0f);
  std::vector<int64_t> ids(3 * 10), n_rescored(3);
  std::vector<float> scores(ids.size());
  EstimateQueries queries;
  queries.n = 3;
  queries.weights = weights.data();
  const VectorQueries rescoring = {vectors.data(), false};
  index.search_estimates(queries, 10, n_candidates, &rescoring, options,
                         {ids.data(), nullptr, scores.data(), n_rescored.data()});
  return ids;
}

}  // namespace bitindex
