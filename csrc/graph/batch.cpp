#include "graph/batch.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "codes/random.h"

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

// Of each row the first with the same code, or kNone where it is the first itself.
std::vector<uint32_t> find_twins(const std::vector<uint32_t>& rows,
                                 const std::vector<uint8_t>& codes, size_t n_bytes) {
  const auto compare = [&](size_t a, size_t b) {
    return std::memcmp(codes.data() + a * n_bytes, codes.data() + b * n_bytes, n_bytes);
  };
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const int sign = compare(a, b);
    return sign != 0 ? sign < 0 : a < b;
  });
  std::vector<uint32_t> twin_of(rows.size(), Layer::kNone);
  for (size_t i = 1, first = 0; i < order.size(); ++i)
    if (compare(order[first], order[i]) == 0)
      twin_of[order[i]] = rows[order[first]];
    else
      first = i;
  return twin_of;
}

}  // namespace

void Batch::choose_no_twins() {
  const auto twin = [this](uint32_t row) {
    const auto at = std::lower_bound(rows.begin(), rows.end(), row);
    const bool is_here = at != rows.end() && *at == row;
    return is_here ? twin_of[static_cast<size_t>(at - rows.begin())] : Layer::kNone;
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    std::vector<Candidate> neighbours;
    for (const Candidate& candidate : chosen[i][0]) {
      uint32_t row = candidate.row();
      for (uint32_t next = twin(row); next != Layer::kNone; next = twin(row)) row = next;
      const auto is_row = [row](const Candidate& other) { return other.row() == row; };
      if (row != rows[i] && std::none_of(neighbours.begin(), neighbours.end(), is_row))
        neighbours.emplace_back(candidate.key(), row);
    }
    chosen[i][0] = std::move(neighbours);
  }
}

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
  batch.twin_of = find_twins(batch.rows, batch.codes, n_bytes);

  const size_t n_before = graph.n_rows();
  for (size_t i = 0; i < n; ++i) {
    const uint32_t row = batch.rows[i];
    const bool is_twin = batch.twin_of[i] != Layer::kNone;
    const size_t level = is_twin ? 0 : level_of(metric.store.ids().id(row), seed, graph.m());
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
    for (size_t l = 0; l <= level && !is_twin; ++l) {
      batch.layers[l].rows.push_back(row);
      batch.layers[l].nodes.push_back(batch.nodes[i][l]);
    }
  }
  return batch;
}

}  // namespace bitindex
