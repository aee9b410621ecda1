// A graph as arrays of a file, and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "graph/graph.h"

namespace bitindex {

// The upper layers stand one behind the other, from the lowest to the highest.
struct StoredGraph {
  size_t n_rows = 0;
  const uint32_t* links = nullptr;     // n_rows x 2 m, of layer 0; Layer::kNone behind the last
  std::vector<uint32_t> upper_counts;  // of each upper layer, how many nodes it has
  std::vector<uint32_t> upper_links;   // m of each node
  std::vector<uint32_t> upper_rows;
  std::vector<uint32_t> upper_below;
  std::vector<uint32_t> twins;
  std::vector<uint32_t> pending;
};

// Valid until the graph changes.
StoredGraph stored(const Graph& graph);

// The graph of an index with n_rows rows, which keeps `links` without copying them. The arrays may
// come from anywhere: throws std::invalid_argument where they are no graph.
Graph restored(size_t m, size_t n_rows, const StoredGraph& stored,
               const std::shared_ptr<const void>& owner);

}  // namespace bitindex
