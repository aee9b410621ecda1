// The graph of an HNSW index: layers of links between rows that are near each other.
//
// Layer 0 holds all rows, each layer above a random share of the one below, so that a search comes
// near its query in few steps.
//
// Rows of the same code would fill each other's links. One of them is linked as any row; the
// others, its twins, hang from it as a tree in layer 0: the first link of a twin is its parent, the
// others are its children. Searches pass twins over and add them to what they have found.
//
// Source: Malkov, Yashunin, "Efficient and robust approximate nearest
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
  explicit Graph(size_t m) : m_(m) { layers_.emplace_back(2 * m); }

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

  bool has_twins() const noexcept { return n_twins_ > 0; }
  bool is_twin(uint32_t row) const noexcept { return row < is_twin_.size() && is_twin_[row]; }
  // Whether `row` is a twin that hangs from `parent`. A link from before it was one may lead to it
  // from elsewhere, and is passed over.
  bool is_child(uint32_t row, uint32_t parent) const noexcept {
    return is_twin(row) && layers_[0].links(row)[0] == parent;
  }
  std::vector<uint32_t> twins() const;  // ascending
  // The row that a twin hangs from; any other row itself.
  uint32_t without_twins(uint32_t row) const noexcept {
    while (is_twin(row)) row = layers_[0].links(row)[0];
    return row;
  }
  // Calls visit(twin) for the twins that hang from a row, until it returns false.
  template <class Visit>
  void for_twins_of(uint32_t row, Visit visit) const;

  // Where searches begin: a linked node of the highest layer that has one.
  std::optional<GraphNode> entry() const noexcept;
  size_t memory_bytes() const noexcept;

  // No rows at all.
  void clear() noexcept;
  // Whether searches pass a node over: links from before a row changed may lead to pending ones.
  bool is_passed_over(size_t layer, uint32_t node) const noexcept {
    return layer == 0 ? is_twin(node) || is_pending(node) : is_pending(layers_[layer].row(node));
  }
  bool passes_some_over() const noexcept { return has_twins() || !pending_.empty(); }
  // The node that a search goes on from in the layer below: of the same code, and no twin.
  uint32_t node_below(size_t layer, uint32_t node) const noexcept {
    const uint32_t below = layers_[layer].below(node);
    return layer == 1 ? without_twins(below) : below;
  }
  // Adds empty layers on top.
  void grow(size_t n_layers);
  // Drops layers on top that have no nodes.
  void shrink() noexcept;
  // Takes layers of the degrees that this graph has, and drops those on top without nodes.
  void replace(std::vector<Layer> layers, std::vector<uint32_t> pending,
               const std::vector<uint32_t>& twins);
  // Makes a row without links the child of a row with the same code, or of one of its twins.
  void attach_twin(uint32_t row, uint32_t twin);
  // A twin is a row without links again.
  void detach_twin(uint32_t row) noexcept;
  // Adds a link to those of a row, instead of one of them where there is no room; not where all of
  // them lead to its children.
  void force_link(uint32_t from, uint32_t to) noexcept;
  void set_pending(std::vector<uint32_t> rows) noexcept { pending_ = std::move(rows); }

 private:
  size_t m_;
  std::vector<Layer> layers_;
  std::vector<uint32_t> pending_;
  std::vector<bool> is_twin_;  // empty until there is one
  size_t n_twins_ = 0;
};

template <class Visit>
void Graph::for_twins_of(uint32_t row, Visit visit) const {
  if (n_twins_ == 0) return;
  const Layer& layer = layers_[0];
  std::vector<uint32_t> parents(1, row);
  for (size_t next = 0; next < parents.size(); ++next) {
    const uint32_t parent = parents[next];
    const uint32_t* links = layer.links(parent);
    const size_t n = layer.n_links(parent);
    for (size_t i = is_twin(parent) ? 1 : 0; i < n; ++i) {
      if (!is_child(links[i], parent)) continue;
      if (!visit(links[i])) return;
      parents.push_back(links[i]);
    }
  }
}

}  // namespace bitindex
