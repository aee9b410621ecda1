// One layer of a graph: nodes, each with links to a limited number of others.
//
// Links lie in one matrix of 32-bit node numbers, a row per node, so that files, NumPy and searches
// share it. In the lowest layer nodes are rows of the index; those of a layer above know their row
// and their node in the layer below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "codes/column.h"

namespace bitindex {

class Layer {
 public:
  // Ends the links of a node that has fewer than it could.
  static constexpr uint32_t kNone = 0xffffffffu;

  explicit Layer(size_t degree) : links_(degree * sizeof(uint32_t)), degree_(degree) {}

  size_t degree() const noexcept { return degree_; }
  size_t n_nodes() const noexcept { return links_.n_rows(); }
  const uint32_t* links(size_t node) const noexcept {
    return reinterpret_cast<const uint32_t*>(links_.row(node));
  }
  size_t n_links(size_t node) const noexcept;
  bool has_link(size_t node, uint32_t other) const noexcept;
  // The row of a node, and its node in the layer below.
  uint32_t row(uint32_t node) const noexcept { return rows_.empty() ? node : rows_[node]; }
  uint32_t below(uint32_t node) const noexcept { return below_[node]; }
  const std::vector<uint32_t>& rows() const noexcept { return rows_; }
  const std::vector<uint32_t>& nodes_below() const noexcept { return below_; }

  size_t memory_bytes() const noexcept;

  // Makes room, in memory of its own: needed before any change.
  void reserve(size_t n_nodes);
  // New nodes have no links.
  void append_rows(size_t n);
  void append_node(uint32_t row, uint32_t below);
  void set_links(size_t node, const uint32_t* links, size_t n) noexcept;
  // Appends a link to those of a node that has room for it.
  void add_link(size_t node, uint32_t other) noexcept;
  void remove_link(size_t node, uint32_t other) noexcept;
  void replace_link(size_t node, size_t position, uint32_t other) noexcept;
  // Drops the last nodes, which no link leads to.
  void truncate(size_t n_nodes) noexcept;

  // Takes n nodes whose links live elsewhere. rows and below are empty in the lowest layer.
  void restore(const uint32_t* links, size_t n, std::vector<uint32_t> rows,
               std::vector<uint32_t> below, const std::shared_ptr<const void>& owner);

 private:
  uint32_t* own_links(size_t node) noexcept { return const_cast<uint32_t*>(links(node)); }

  Column links_;
  size_t degree_;
  std::vector<uint32_t> rows_;
  std::vector<uint32_t> below_;
};

}  // namespace bitindex
