#include "graph/layer.h"

#include <algorithm>
#include <utility>

namespace bitindex {

size_t Layer::n_links(size_t node) const noexcept {
  const uint32_t* first = links(node);
  return static_cast<size_t>(std::find(first, first + degree_, kNone) - first);
}

bool Layer::has_link(size_t node, uint32_t other) const noexcept {
  const uint32_t* first = links(node);
  return std::find(first, first + degree_, other) != first + degree_;
}

size_t Layer::memory_bytes() const noexcept {
  return links_.memory_bytes() + (rows_.capacity() + below_.capacity()) * sizeof(uint32_t);
}

void Layer::reserve(size_t n_nodes) { links_.reserve(std::max(n_nodes, links_.n_rows())); }

void Layer::append_rows(size_t n) {
  const std::vector<uint32_t> none(degree_, kNone);
  reserve(n_nodes() + n);
  for (size_t i = 0; i < n; ++i) links_.append(none.data(), 1);
}

void Layer::append_node(uint32_t row, uint32_t below) {
  append_rows(1);
  rows_.push_back(row);
  below_.push_back(below);
}

void Layer::set_links(size_t node, const uint32_t* links, size_t n) noexcept {
  uint32_t* own = own_links(node);
  std::copy(links, links + n, own);
  std::fill(own + n, own + degree_, kNone);
}

void Layer::add_link(size_t node, uint32_t other) noexcept {
  own_links(node)[n_links(node)] = other;
}

void Layer::remove_link(size_t node, uint32_t other) noexcept {
  uint32_t* own = own_links(node);
  uint32_t* last = std::remove(own, own + degree_, other);
  std::fill(last, own + degree_, kNone);
}

void Layer::replace_link(size_t node, size_t position, uint32_t other) noexcept {
  own_links(node)[position] = other;
}

void Layer::truncate(size_t n_nodes) noexcept {
  links_.truncate(n_nodes);
  if (rows_.size() > n_nodes) rows_.resize(n_nodes);
  if (below_.size() > n_nodes) below_.resize(n_nodes);
}

void Layer::restore(const uint32_t* links, size_t n, std::vector<uint32_t> rows,
                    std::vector<uint32_t> below, const std::shared_ptr<const void>& owner) {
  links_.borrow(reinterpret_cast<const uint8_t*>(links), n, owner);
  rows_ = std::move(rows);
  below_ = std::move(below);
}

}  // namespace bitindex
