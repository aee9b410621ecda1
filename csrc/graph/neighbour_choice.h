// Which of the rows near a row to link it with: near ones, in different directions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/row_store.h"
#include "graph/layer.h"
#include "scan/candidate.h"
#include "tables/code_layout.h"
#include "tables/metric.h"

namespace bitindex {

// How rows of an index are compared with each other.
struct RowMetric {
  const KernelTable& kernels;
  const RowStore& store;
  const Metric& metric;
  CodeLayout codes;
  const float* row_terms;

  // A score of n rows, whose codes and terms lie next to each other, against the rows of the index.
  std::unique_ptr<Score> score(const uint8_t* rows, size_t n) const {
    return metric.score(kernels, codes, rows, n, row_terms);
  }
};

class NeighbourChoice {
 public:
  explicit NeighbourChoice(const RowMetric& metric);

  // Keeps at most `most` of the candidates, which come nearest first with their keys to a row: each
  // that is nearer to the row than to all that were kept before it, so that no two stand for the
  // same direction (Malkov and Yashunin, algorithm 4).
  void choose(const uint8_t* code, const Layer& layer, size_t most,
              std::vector<Candidate>& candidates);

 private:
  // Makes counts of bits between the candidates.
  void prepare(const uint8_t* code, const Layer& layer, std::vector<Candidate>& candidates);
  bool is_nearer_to_a_kept_one(size_t candidate, float key);

  const RowMetric& metric_;
  const Metric& counts_;  // the metric where it counts bits, else Hamming
  std::vector<uint8_t> codes_;
  std::vector<float> keys_;
  std::vector<uint8_t> kept_codes_;
  std::vector<float> kept_terms_;
  std::vector<uint32_t> sums_;
  std::unique_ptr<Score> score_;
  size_t n_kept_ = 0;
};

}  // namespace bitindex
