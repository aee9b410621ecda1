// Links rows into a graph, many at a time.
//
// The rows of a batch search the graph as it was before the batch, and each other by a scan; then
// links back are made node by node. No thread sees what another one writes, so the graph depends on
// the order of rows and on the seed, not on threads, and stays whole where a build is stopped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph/batch.h"
#include "graph/graph_search.h"
#include "scan/cancel.h"

namespace bitindex {

struct BuildOptions {
  size_t width;  // of the beam that looks for neighbours
  uint64_t seed;
  size_t n_threads;
};

class GraphBuilder {
 public:
  GraphBuilder(Graph& graph, const RowMetric& metric, const BuildOptions& options, Cancel& cancel)
      : graph_(graph), metric_(metric), options_(options), cancel_(cancel) {}

  // Links all rows that are not linked yet. Throws Cancelled between two batches; another exception
  // may leave an empty graph.
  void link_rows();

 private:
  void link_batch(std::vector<uint32_t> rows);
  void choose_neighbours(Batch& batch, std::optional<GraphNode> entry);
  void choose_neighbours(Batch& batch, size_t i, std::optional<GraphNode> entry,
                         GraphSearch& search, NeighbourChoice& choice, Beam& beam) const;
  // Puts those rows of the batch into the beam that are near enough.
  void look_at_batch(const Batch& batch, size_t i, size_t layer, GraphSearch& search,
                     Beam& beam) const;
  // The first row of the nearest that has this code, or Layer::kNone. Other codes may be as near:
  // of levels all that point in one direction.
  uint32_t equal_row(const uint8_t* code, const std::vector<Candidate>& nearest) const;

  Graph& graph_;
  const RowMetric& metric_;
  BuildOptions options_;
  Cancel& cancel_;
};

}  // namespace bitindex
