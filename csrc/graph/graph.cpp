#include "graph/graph.h"

#include <algorithm>

namespace bitindex {

bool Graph::is_pending(uint32_t row) const noexcept {
  return std::binary_search(pending_.begin(), pending_.end(), row);
}

std::optional<GraphNode> Graph::entry() const noexcept {
  for (size_t l = layers_.size(); l-- > 0;)
    for (size_t node = 0; node < layers_[l].n_nodes(); ++node)
      if (!is_pending(layers_[l].row(static_cast<uint32_t>(node))))
        return GraphNode{l, static_cast<uint32_t>(node)};
  return std::nullopt;
}

size_t Graph::memory_bytes() const noexcept {
  size_t total = pending_.capacity() * sizeof(uint32_t);
  for (const Layer& layer : layers_) total += layer.memory_bytes();
  return total;
}

void Graph::clear() {
  std::vector<Layer> layers;
  layers.emplace_back(2 * m_);
  layers_ = std::move(layers);
  pending_.clear();
}

void Graph::replace(std::vector<Layer> layers, std::vector<uint32_t> pending) noexcept {
  layers_ = std::move(layers);
  pending_ = std::move(pending);
  shrink();
}

void Graph::grow(size_t n_layers) {
  while (layers_.size() < n_layers) layers_.emplace_back(m_);
}

void Graph::shrink() noexcept {
  while (layers_.size() > 1 && layers_.back().n_nodes() == 0) layers_.pop_back();
}

}  // namespace bitindex
