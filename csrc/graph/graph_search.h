// Walks over a graph towards a query: from each node to the neighbours that are nearer than what
// was found so far.
#pragma once

#include <cstddef>
#include <vector>

#include "graph/beam.h"
#include "graph/graph.h"
#include "graph/row_keys.h"
#include "graph/visited.h"

namespace bitindex {

class GraphSearch {
 public:
  GraphSearch(const Graph& graph, const KernelTable& kernels, const RowStore& store,
              const Score& score)
      : graph_(graph), keys_(kernels, store, score) {}

  RowKeys& keys() noexcept { return keys_; }
  void set_query(size_t q) { keys_.set_query(q); }

  // The nearest node of a layer that steps to ever nearer neighbours lead to, through the layers
  // above. There is one: the graph has an entry, and it is not below this layer.
  Candidate descend(const GraphNode& entry, size_t layer);
  // Fills the beam with the nearest nodes of a layer, as found from a node of it.
  void find_nearest(size_t layer, const Candidate& from, size_t width, Beam& beam);

  // Follows nodes of layer 0 from near to far, as long as their keys are at most collector.limit();
  // collector.push(candidate) gets all nodes that were within that limit when they were seen.
  // Returns false, and then not all were followed, once more than `most` nodes were seen.
  template <class Collector>
  bool explore(const Candidate& from, size_t most, Collector& collector);

 private:
  // The key of a node, as a candidate.
  Candidate candidate(size_t layer, uint32_t node);
  // Puts the neighbours of a node of layer `number` that were not seen yet, and may be within the
  // limit, into found_.
  // Returns how many were not seen yet.
  size_t look_around(size_t number, uint32_t node, float limit);

  const Graph& graph_;
  RowKeys keys_;
  Visited* visited_ = nullptr;
  std::vector<uint32_t> nodes_;
  std::vector<uint32_t> rows_;
  std::vector<Candidate> found_;
  std::vector<Candidate> frontier_;
};

template <class Collector>
bool GraphSearch::explore(const Candidate& from, size_t most, Collector& collector) {
  const Layer& layer = graph_.layer(0);
  const auto farther = [](const Candidate& a, const Candidate& b) { return b < a; };
  visited_ = &Visited::of_this_thread();
  visited_->start(layer.n_nodes());
  visited_->mark(from.row());
  collector.push(from);
  frontier_.assign(1, from);
  size_t n_seen = 1;
  while (!frontier_.empty() && frontier_.front().key() <= collector.limit()) {
    std::pop_heap(frontier_.begin(), frontier_.end(), farther);
    const uint32_t node = frontier_.back().row();
    frontier_.pop_back();
    n_seen += look_around(0, node, collector.limit());
    if (n_seen > most) return false;
    for (const Candidate& next : found_) {
      if (next.key() > collector.limit()) continue;
      collector.push(next);
      frontier_.push_back(next);
      std::push_heap(frontier_.begin(), frontier_.end(), farther);
    }
  }
  return true;
}

}  // namespace bitindex
