// The metrics of packed codes, by name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tables/score.h"

namespace bitindex {

struct Metric {
  const char* name;
  bool integer_distances;  // whole numbers of bits, else fractions in [0, 1]
  // The number to keep beside a row with this many set bits; null if the metric needs none.
  float (*row_term)(uint32_t popcount);
  // A score for packed queries; row_terms as above. All pointers outlive the score.
  std::unique_ptr<Score> (*score)(const KernelTable& kernels, const uint8_t* queries,
                                  size_t n_queries, size_t n_bytes, const float* row_terms);
};

// Throws std::invalid_argument, listing the choices.
const Metric& metric_named(const std::string& name);
std::vector<std::string> metric_names();

}  // namespace bitindex
