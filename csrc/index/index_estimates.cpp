// Search by estimated similarities: the score of a batch of queries, and what is scored again.
#include <algorithm>

#include "index/index.h"
#include "scan/adaptive_rescore.h"
#include "tables/estimate.h"

namespace bitindex {
namespace {

// Limits the memory that long lists of candidates take.
constexpr size_t kUndecidedTogether = 256;

// Some queries of a batch, one after the other.
class ChosenQueries {
 public:
  ChosenQueries(const EstimateQueries& queries, const VectorQueries& vectors,
                const IndexLayout& layout, const size_t* chosen, size_t n)
      : weights_(copy(queries.weights, layout.n_bits, chosen, n)),
        signs_(copy(queries.signs, layout.n_bytes(), chosen, n)),
        magnitudes_(copy(queries.magnitudes, 1, chosen, n)),
        constants_(copy(queries.constants, 1, chosen, n)),
        lists_(copy(queries.lists.values, queries.lists.n_lists, chosen, n)),
        list_factors_(queries.lists.factors),
        n_lists_(queries.lists.n_lists),
        vectors_(copy(vectors.queries, layout.vectors.n_dims, chosen, n)),
        n_(n),
        squared_l2_(vectors.squared_l2) {}

  EstimateQueries estimates() const {
    return {n_,
            data(weights_),
            data(signs_),
            data(magnitudes_),
            data(constants_),
            {data(lists_), list_factors_, n_lists_}};
  }
  VectorQueries vectors() const { return {vectors_.data(), squared_l2_}; }

 private:
  template <class T>
  static std::vector<T> copy(const T* rows, size_t width, const size_t* chosen, size_t n) {
    std::vector<T> copies;
    if (rows == nullptr) return copies;
    copies.reserve(n * width);
    for (size_t i = 0; i < n; ++i)
      copies.insert(copies.end(), rows + chosen[i] * width, rows + (chosen[i] + 1) * width);
    return copies;
  }
  template <class T>
  static const T* data(const std::vector<T>& values) {
    return values.empty() ? nullptr : values.data();
  }

  std::vector<float> weights_;
  std::vector<uint8_t> signs_;
  std::vector<float> magnitudes_;
  std::vector<float> constants_;
  std::vector<float> lists_;
  const float* list_factors_;
  size_t n_lists_;
  std::vector<float> vectors_;
  size_t n_;
  bool squared_l2_;
};

}  // namespace

CandidateLists Index::find_estimates(const Scan& scan, const EstimateQueries& queries,
                                     size_t effort, size_t n) const {
  const auto score = [&](const RowStore& store) -> std::unique_ptr<Score> {
    const EstimateTerms terms = {store.column(kScales).floats(), store.column(kOffsets).floats(),
                                 queries.constants};
    if (queries.weights != nullptr)
      return std::make_unique<WeightScore>(queries.weights, queries.n, layout_.codes(), terms);
    return std::make_unique<SignScore>(queries.signs, queries.magnitudes, queries.n, layout_.n_bits,
                                       terms);
  };
  const QueryBatch batch = {queries.n, effort, score, queries.lists};
  return find_nearest(scan, batch, std::min(n, scan.filter.n_allowed()));
}

CandidateLists Index::find_similar(const Scan& scan, const EstimateQueries& queries, size_t effort,
                                   size_t k, std::optional<size_t> n_candidates,
                                   const VectorQueries* rescoring,
                                   std::vector<size_t>& n_rescored) const {
  if (rescoring == nullptr || k == 0) return find_estimates(scan, queries, effort, k);
  const auto vector_score = [&](const VectorQueries& vectors) {
    return VectorScore(kernels_, store_.column(kVectors), layout_.vectors, vectors);
  };
  if (n_candidates.has_value()) {
    CandidateLists lists = find_estimates(scan, queries, effort, std::max(k, *n_candidates));
    for (size_t q = 0; q < lists.size(); ++q) n_rescored[q] = lists[q].size();
    rescore(scan, vector_score(*rescoring), k, lists);
    return lists;
  }

  const CandidateLimits limits = adaptive_candidates(k);
  CandidateLists lists = find_estimates(scan, queries, effort, limits.first);
  n_rescored = adaptive_rescore(scan, vector_score(*rescoring), k, lists);
  if (limits.first >= scan.filter.n_allowed()) return lists;
  std::vector<size_t> undecided;
  for (size_t q = 0; q < lists.size(); ++q)
    if (n_rescored[q] == limits.first) undecided.push_back(q);
  for (size_t first = 0; first < undecided.size(); first += kUndecidedTogether) {
    const size_t n = std::min(undecided.size() - first, kUndecidedTogether);
    const size_t* chosen = undecided.data() + first;
    const ChosenQueries hard(queries, *rescoring, layout_, chosen, n);
    const VectorQueries vectors = hard.vectors();
    CandidateLists longer = find_estimates(scan, hard.estimates(), effort, limits.most);
    const std::vector<size_t> counts = adaptive_rescore(scan, vector_score(vectors), k, longer);
    for (size_t i = 0; i < n; ++i) {
      lists[chosen[i]] = std::move(longer[i]);
      n_rescored[chosen[i]] = counts[i];
    }
  }
  return lists;
}

}  // namespace bitindex
