#include "graph/batch.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "graph/random.h"

namespace bitindex {
namespace {

constexpr size_t kMaxLevel = 16;

// The layer up to which a row is in the graph. From its id, so that it does not matter when or with
// which others the row comes.
size_t level_of(int64_t id, uint64_t seed, size_t m) noexcept {
  uint64_t random = mixed(static_cast<uint64_t>(id) ^ mixed(seed));
  size_t level = 0;
  for (; level < kMaxLevel && random % m == 0; ++level) random /= m;
  return level;
}

// The node of a row in a layer above the lowest, or kNone: rows that were replaced keep theirs.
uint32_t find_node(const Layer& layer, uint32_t row) {
  const auto& rows = layer.rows();
  const auto at = std::find(rows.begin(), rows.end(), row);
  return at == rows.end() ? Layer::kNone : static_cast<uint32_t>(at - rows.begin());
}

}  // namespace

Batch add_batch(Graph& graph, const RowMetric& metric, uint64_t seed, std::vector<uint32_t> rows) {
  Batch batch;
  batch.rows = std::move(rows);
  const size_t n = batch.rows.size(), n_bytes = metric.codes.n_bytes();
  batch.codes.resize(n * n_bytes);
  for (size_t i = 0; i < n; ++i)
    std::memcpy(batch.codes.data() + i * n_bytes, metric.store.column(0).row(batch.rows[i]),
                n_bytes);
  batch.score = metric.score(batch.codes.data(), n);
  batch.nodes.resize(n);
  batch.chosen.resize(n);
  batch.is_twin.resize(n);

  const size_t n_before = graph.n_rows();
  for (size_t i = 0; i < n; ++i) {
    const uint32_t row = batch.rows[i];
    const size_t level = level_of(metric.store.ids().id(row), seed, graph.m());
    graph.grow(level + 1);
    if (row >= graph.n_rows()) graph.layer(0).append_rows(row + 1 - graph.n_rows());
    batch.nodes[i].push_back(row);
    for (size_t l = 1; l <= level; ++l) {
      Layer& layer = graph.layer(l);
      uint32_t node = row < n_before ? find_node(layer, row) : Layer::kNone;
      if (node == Layer::kNone) {
        node = static_cast<uint32_t>(layer.n_nodes());
        layer.append_node(row, batch.nodes[i].back());
      }
      batch.nodes[i].push_back(node);
    }
    batch.chosen[i].resize(level + 1);
    if (batch.layers.size() <= level) batch.layers.resize(level + 1);
    for (size_t l = 0; l <= level; ++l) {
      batch.layers[l].rows.push_back(row);
      batch.layers[l].nodes.push_back(batch.nodes[i][l]);
    }
  }
  return batch;
}

}  // namespace bitindex
