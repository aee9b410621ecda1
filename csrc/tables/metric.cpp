#include "tables/metric.h"

#include <stdexcept>

#include "tables/hamming.h"
#include "tables/levels.h"
#include "tables/overlap.h"

namespace bitindex {
namespace {

std::unique_ptr<Score> hamming_score(const KernelTable&, const CodeLayout& layout,
                                     const uint8_t* queries, size_t, const float*) {
  return std::make_unique<HammingScore>(queries, layout.n_bytes());
}

template <Overlap kind>
std::unique_ptr<Score> overlap_score(const KernelTable& kernels, const CodeLayout& layout,
                                     const uint8_t* queries, size_t n_queries,
                                     const float* row_terms) {
  return std::make_unique<OverlapScore>(kind, kernels, queries, n_queries, layout.n_bytes(),
                                        row_terms);
}

template <Overlap kind>
void overlap_terms(const KernelTable& kernels, const CodeLayout& layout, const uint8_t* codes,
                   size_t n_rows, float* terms) {
  overlap_row_terms(kind, kernels, codes, n_rows, layout.n_bytes(), terms);
}

std::unique_ptr<Score> one_bit_score(const KernelTable&, const CodeLayout& layout,
                                     const uint8_t* queries, size_t, const float*) {
  return std::make_unique<OneBitLevelScore>(layout, queries);
}

template <size_t n_level_bits>
std::unique_ptr<Score> level_score(const KernelTable&, const CodeLayout& layout,
                                   const uint8_t* queries, size_t n_queries, const float* norms) {
  return std::make_unique<LevelScore>(n_level_bits, layout, queries, n_queries, norms);
}

template <size_t n_level_bits>
void level_terms(const KernelTable&, const CodeLayout& layout, const uint8_t* codes, size_t n_rows,
                 float* terms) {
  level_norms(n_level_bits, layout, codes, n_rows, terms);
}

// THE list of metrics.
const Metric kMetrics[] = {
    {"hamming", true, 1, nullptr, hamming_score},
    {"jaccard", false, 1, overlap_terms<Overlap::kJaccard>, overlap_score<Overlap::kJaccard>,
     Overlap::kJaccard},
    {"dice", false, 1, overlap_terms<Overlap::kDice>, overlap_score<Overlap::kDice>,
     Overlap::kDice},
    {"cosine", false, 1, overlap_terms<Overlap::kCosine>, overlap_score<Overlap::kCosine>,
     Overlap::kCosine},
    {"sdc1", false, 1, nullptr, one_bit_score},
    {"sdc2", false, 2, level_terms<2>, level_score<2>},
    {"sdc3", false, 3, level_terms<3>, level_score<3>},
    {"sdc4", false, 4, level_terms<4>, level_score<4>},
};

}  // namespace

const Metric& metric_named(const std::string& name) {
  std::string choices;
  for (const Metric& metric : kMetrics) {
    if (name == metric.name) return metric;
    choices += (choices.empty() ? "" : ", ") + std::string(metric.name);
  }
  throw std::invalid_argument("metric must be one of " + choices + ", got '" + name + "'");
}

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  for (const Metric& metric : kMetrics) names.emplace_back(metric.name);
  return names;
}

}  // namespace bitindex
