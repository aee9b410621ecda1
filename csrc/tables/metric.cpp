#include "tables/metric.h"

#include <stdexcept>

#include "tables/hamming.h"
#include "tables/overlap.h"

namespace bitindex {
namespace {

std::unique_ptr<Score> hamming_score(const KernelTable&, const uint8_t* queries, size_t,
                                     size_t n_bytes, const float*) {
  return std::make_unique<HammingScore>(queries, n_bytes);
}

template <Overlap kind>
std::unique_ptr<Score> overlap_score(const KernelTable& kernels, const uint8_t* queries,
                                     size_t n_queries, size_t n_bytes, const float* row_terms) {
  return std::make_unique<OverlapScore>(kind, kernels, queries, n_queries, n_bytes, row_terms);
}

template <Overlap kind>
float overlap_term(uint32_t popcount) {
  return overlap_row_term(kind, popcount);
}

// THE list of metrics.
const Metric kMetrics[] = {
    {"hamming", true, nullptr, hamming_score},
    {"jaccard", false, overlap_term<Overlap::kJaccard>, overlap_score<Overlap::kJaccard>},
    {"dice", false, overlap_term<Overlap::kDice>, overlap_score<Overlap::kDice>},
    {"cosine", false, overlap_term<Overlap::kCosine>, overlap_score<Overlap::kCosine>},
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
