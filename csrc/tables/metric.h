// The metrics of packed codes, by name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tables/code_layout.h"
#include "tables/overlap.h"
#include "tables/score.h"

namespace bitindex {

struct Metric {
  const char* name;
  bool integer_distances;  // whole numbers of bits, else fractions
  size_t bits_per_dim;     // n_bits is a multiple of it
  // The number to keep beside each row; null if the metric needs none.
  void (*row_terms)(const KernelTable& kernels, const CodeLayout& layout, const uint8_t* codes,
                    size_t n_rows, float* terms);
  // A score for packed queries; row_terms as above. All pointers outlive the score.
  std::unique_ptr<Score> (*score)(const KernelTable& kernels, const CodeLayout& layout,
                                  const uint8_t* queries, size_t n_queries, const float* row_terms);
  // Where it compares sets of bits: how.
  std::optional<Overlap> overlap = std::nullopt;
};

// Throws std::invalid_argument, listing the choices.
const Metric& metric_named(const std::string& name);
std::vector<std::string> metric_names();

}  // namespace bitindex
