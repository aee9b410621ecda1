#include "graph/graph.h"

#include <algorithm>

#include "codes/random.h"

namespace bitindex {
namespace {

// Of a row that others are linked with, and at most half of its links: the others lead on.
constexpr size_t kMaxTwins = 8;

}  // namespace

bool Graph::is_pending(uint32_t row) const noexcept {
  return std::binary_search(pending_.begin(), pending_.end(), row);
}

std::optional<GraphNode> Graph::entry() const noexcept {
  for (size_t l = layers_.size(); l-- > 0;)
    for (size_t node = 0; node < layers_[l].n_nodes(); ++node)
      if (const uint32_t row = layers_[l].row(static_cast<uint32_t>(node));
          !is_pending(row) && !is_twin(row))
        return GraphNode{l, static_cast<uint32_t>(node)};
  return std::nullopt;
}

std::vector<uint32_t> Graph::twins() const {
  std::vector<uint32_t> result;
  for (uint32_t row = 0; row < is_twin_.size(); ++row)
    if (is_twin_[row]) result.push_back(row);
  return result;
}

size_t Graph::memory_bytes() const noexcept {
  size_t total = pending_.capacity() * sizeof(uint32_t) + is_twin_.capacity() / 8;
  for (const Layer& layer : layers_) total += layer.memory_bytes();
  return total;
}

void Graph::clear() noexcept {
  layers_.erase(layers_.begin() + 1, layers_.end());
  layers_[0] = Layer(2 * m_);
  pending_.clear();
  is_twin_.clear();
  n_twins_ = 0;
}

void Graph::replace(std::vector<Layer> layers, std::vector<uint32_t> pending,
                    const std::vector<uint32_t>& twins) {
  std::vector<bool> is_twin(twins.empty() ? 0 : layers[0].n_nodes(), false);
  for (const uint32_t row : twins) is_twin[row] = true;
  layers_ = std::move(layers);
  pending_ = std::move(pending);
  is_twin_ = std::move(is_twin);
  n_twins_ = twins.size();
  shrink();
}

// Goes down the tree at random to a row that has few children.
void Graph::attach_twin(uint32_t row, uint32_t twin) {
  Layer& layer = layers_[0];
  is_twin_.resize(n_rows(), false);
  for (uint64_t random = mixed(row);; random = mixed(random)) {
    std::vector<uint32_t> children;
    const uint32_t* links = layer.links(twin);
    for (size_t i = is_twin(twin) ? 1 : 0; i < layer.n_links(twin); ++i)
      if (is_child(links[i], twin)) children.push_back(links[i]);
    // Of a twin one link is that to its parent.
    const size_t most =
        is_twin(twin) ? layer.degree() - 1 : std::min(kMaxTwins, layer.degree() / 2);
    if (children.size() < most) break;
    twin = children[random % children.size()];
  }
  if (!layer.has_link(twin, row)) force_link(twin, row);
  layer.set_links(row, &twin, 1);
  is_twin_[row] = true;
  ++n_twins_;
}

void Graph::detach_twin(uint32_t row) noexcept {
  Layer& layer = layers_[0];
  layer.remove_link(layer.links(row)[0], row);
  layer.set_links(row, nullptr, 0);
  is_twin_[row] = false;
  --n_twins_;
}

void Graph::force_link(uint32_t from, uint32_t to) noexcept {
  Layer& layer = layers_[0];
  const size_t n = layer.n_links(from);
  if (n < layer.degree()) return layer.add_link(from, to);
  const uint32_t* links = layer.links(from);
  size_t last = n;
  while (last > 0 && is_twin(links[last - 1])) --last;
  // Only twins: nothing else leads to those that hang from this row.
  if (last == 0)
    for (last = n; last > 0 && is_child(links[last - 1], from);) --last;
  if (last > 0) layer.replace_link(from, last - 1, to);
}

void Graph::grow(size_t n_layers) {
  while (layers_.size() < n_layers) layers_.emplace_back(m_);
}

void Graph::shrink() noexcept {
  while (layers_.size() > 1 && layers_.back().n_nodes() == 0) layers_.pop_back();
}

}  // namespace bitindex
