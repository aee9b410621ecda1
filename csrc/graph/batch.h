// Rows that come into a graph together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "graph/graph.h"
#include "graph/neighbour_choice.h"

namespace bitindex {

struct Batch {
  static constexpr size_t kMaxRows = 1024;

  // Those that are in a layer, but for the twins of others: their rows and nodes.
  struct Members {
    std::vector<uint32_t> rows, nodes;
  };

  std::vector<uint32_t> rows;  // ascending
  std::vector<uint8_t> codes;  // of the rows, next to each other
  std::unique_ptr<Score> score;
  std::vector<Members> layers;
  std::vector<std::vector<uint32_t>> nodes;  // of each row, in the layers that it is in
  // Of each row, the nodes to link it with in these layers.
  std::vector<std::vector<std::vector<Candidate>>> chosen;
  // Of each row, a row of the same code, of which it is to be a twin, or Layer::kNone.
  std::vector<uint32_t> twin_of;

  // Chooses, instead of rows of the batch that are to be twins, those that they will hang from.
  void choose_no_twins();
};

// Adds nodes without links for rows to the graph. `seed` decides which layers a row is in.
Batch add_batch(Graph& graph, const RowMetric& metric, uint64_t seed, std::vector<uint32_t> rows);

}  // namespace bitindex
