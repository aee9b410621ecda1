// The graph of an HNSW index: layers of links between rows that are near each other.
//
// Layer 0 holds all rows, each layer above a random share of the one below, so that a search comes
// near its query in few steps. Source: Malkov, Yashunin, "Efficient and robust approximate nearest
// neighbor search using hierarchical navigable small world graphs", 2016.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "graph/layer.h"

namespace bitindex {

struct GraphNode {
  size_t layer;
  uint32_t node;
};

class Graph {
 public:
  // m: links of a node in the upper layers; twice as many in layer 0.
  explicit Graph(size_t m) : m_(m) { clear(); }

  size_t m() const noexcept { return m_; }
  // Rows from here on are not in the graph yet.
  size_t n_rows() const noexcept { return layers_[0].n_nodes(); }
  size_t n_layers() const noexcept { return layers_.size(); }
  const Layer& layer(size_t i) const noexcept { return layers_[i]; }
  Layer& layer(size_t i) noexcept { return layers_[i]; }
  // Rows before n_rows() that are not linked, ascending.
  const std::vector<uint32_t>& pending() const noexcept { return pending_; }
  bool is_pending(uint32_t row) const noexcept;
  size_t n_linked() const noexcept { return n_rows() - pending_.size(); }

  // Where searches begin: a linked node of the highest layer that has one.
  std::optional<GraphNode> entry() const noexcept;
  size_t memory_bytes() const noexcept;

  // No rows at all.
  void clear();
  // Adds empty layers on top.
  void grow(size_t n_layers);
  // Drops layers on top that have no nodes.
  void shrink() noexcept;
  // Takes layers of the degrees that this graph has, and drops those on top without nodes.
  void replace(std::vector<Layer> layers, std::vector<uint32_t> pending) noexcept;
  void set_pending(std::vector<uint32_t> rows) noexcept { pending_ = std::move(rows); }

 private:
  size_t m_;
  std::vector<Layer> layers_;
  std::vector<uint32_t> pending_;
};

}  // namespace bitindex
