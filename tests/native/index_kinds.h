// One index of each kind, and rows for it, for programs that try what all of them promise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "codes/random.h"
#include "index/flat_index.h"
#include "index/hnsw_index.h"
#include "index/ivf_index.h"
#include "index/mih_index.h"
#include "index/residual_index.h"

namespace bitindex {

constexpr size_t kBytes = 32, kDims = 8, kGivenLists = 12;

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

// Which answers queries of floats alone, with lists that rows bring along.
inline Kind residual_kind() {
  return {"residual", true, 1,
          [] { return std::make_unique<ResidualIndex>(full_layout("hamming"), kGivenLists); }};
}

inline uint32_t given_list(const uint8_t* code) { return code[0] % kGivenLists; }

// An even number of rows with the ids first + 1, first, first + 3, ..., which do not ascend. Their
// codes are four numbers, each as so many set bits: few enough dimensions for links and lists to
// lead to their neighbours.
struct Rows {
  Rows(size_t n, int64_t first, uint64_t seed)
      : ids(n), codes(n * kBytes), factors(n, 1.0f), vectors(n * kDims * sizeof(float)), lists(n) {
    for (size_t i = 0; i < n; ++i) ids[i] = first + static_cast<int64_t>(i ^ 1);
    for (size_t number = 0; number < 4 * n; ++number)
      for (size_t bit = next_random(seed) % 65; bit-- > 0;)
        codes[number * 8 + bit / 8] |= static_cast<uint8_t>(1u << (bit % 8));
    for (size_t i = 0; i < n; ++i) lists[i] = given_list(codes.data() + i * kBytes);
  }
  NewRows view() const {
    const float* const numbers = factors.data();
    return {ids.size(), ids.data(), codes.data(), numbers, numbers, vectors.data(), lists.data()};
  }

  std::vector<int64_t> ids;
  std::vector<uint8_t> codes;
  std::vector<float> factors;
  std::vector<uint8_t> vectors;
  std::vector<uint32_t> lists;
};

// Returns the ids of the 10 most similar rows of each of 3 queries that are floats.
inline std::vector<int64_t> search_estimates(const Index& index, std::optional<size_t> n_candidates,
                                             const SearchOptions& options) {
  const std::vector<float> weights(3 * 8 * kBytes, 0.5f), vectors(3 * kDims, 1.0f);
  const std::vector<float> similarities(3 * kGivenLists), factors(kGivenLists, 1.0f);
  std::vector<int64_t> ids(3 * 10), n_rescored(3);
  std::vector<float> scores(ids.size());
  EstimateQueries queries;
  queries.n = 3;
  queries.weights = weights.data();
  if (index.n_given_lists() > 0) queries.lists = {similarities.data(), factors.data(), kGivenLists};
  const VectorQueries rescoring = {vectors.data(), false};
  index.search_estimates(queries, 10, n_candidates, &rescoring, options,
                         {ids.data(), nullptr, scores.data(), n_rescored.data()});
  return ids;
}

// Of each of n codes, the ids of the most similar rows of its list, which has by far the largest
// similarity: rows of that code are the most similar ones, as its bits are the weights.
inline std::vector<std::vector<int64_t>> find_in_given_lists(const Index& index,
                                                             const uint8_t* codes, size_t n,
                                                             const SearchOptions& options) {
  constexpr size_t kBits = 8 * kBytes, kNearest = 5;
  std::vector<float> weights(n * kBits), similarities(n * kGivenLists, -1000.0f);
  for (size_t q = 0; q < n; ++q) {
    const uint8_t* const code = codes + q * kBytes;
    similarities[q * kGivenLists + given_list(code)] = 0.0f;
    for (size_t bit = 0; bit < kBits; ++bit)
      weights[q * kBits + bit] = (code[bit / 8] >> (7 - bit % 8) & 1) != 0 ? 1.0f : -1.0f;
  }
  const std::vector<float> factors(kGivenLists, 1.0f);
  EstimateQueries queries;
  queries.n = n;
  queries.weights = weights.data();
  queries.lists = {similarities.data(), factors.data(), kGivenLists};
  std::vector<int64_t> ids(n * kNearest);
  std::vector<float> scores(ids.size());
  index.search_estimates(queries, kNearest, std::nullopt, nullptr, options,
                         {ids.data(), nullptr, scores.data(), nullptr});
  std::vector<std::vector<int64_t>> found;
  for (auto first = ids.begin(); first != ids.end(); first += kNearest)
    found.emplace_back(first, first + kNearest);
  return found;
}

// Of each of n codes, the ids of all rows that have it, and perhaps of others.
inline std::vector<std::vector<int64_t>> find_codes(const Index& index, const uint8_t* codes,
                                                    size_t n, const SearchOptions& options) {
  if (index.n_given_lists() > 0) return find_in_given_lists(index, codes, n, options);
  const WithinResult within = index.range_search(codes, n, 0.0f, options);
  std::vector<std::vector<int64_t>> found;
  for (size_t q = 0; q < n; ++q)
    found.emplace_back(within.ids.begin() + within.limits[q],
                       within.ids.begin() + within.limits[q + 1]);
  return found;
}

}  // namespace bitindex
