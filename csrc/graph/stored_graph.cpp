#include "graph/stored_graph.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <stdexcept>

namespace bitindex {
namespace {

[[noreturn]] void refuse(const std::string& problem) {
  throw std::invalid_argument("the graph is damaged: " + problem);
}

void check_links(const uint32_t* links, size_t n_nodes, size_t degree) {
  for (size_t node = 0; node < n_nodes; ++node, links += degree) {
    const uint32_t* last = std::find(links, links + degree, Layer::kNone);
    if (std::any_of(links, last, [&](uint32_t link) { return link >= n_nodes; }))
      refuse("a link of node " + std::to_string(node) + " leads to a node that is not there");
    if (std::any_of(last, links + degree, [](uint32_t link) { return link != Layer::kNone; }))
      refuse("node " + std::to_string(node) + " has a link behind its last");
  }
}

void check_sizes(size_t m, size_t n_rows, const StoredGraph& stored) {
  if (stored.n_rows > n_rows) refuse("it has more rows than the index");
  size_t n_upper = 0;
  size_t n_below = stored.n_rows;
  for (const uint32_t n : stored.upper_counts) {
    if (n == 0 || n > n_below) refuse("a layer must have some of the nodes of the one below");
    n_below = n;
    n_upper += n;
  }
  if (stored.upper_rows.size() != n_upper || stored.upper_below.size() != n_upper ||
      stored.upper_links.size() != n_upper * m)
    refuse("the arrays of the upper layers must have " + std::to_string(n_upper) + " rows");
}

void check_pending(const StoredGraph& stored) {
  const auto& rows = stored.pending;
  if (std::adjacent_find(rows.begin(), rows.end(), std::greater_equal<>()) != rows.end() ||
      (!rows.empty() && rows.back() >= stored.n_rows))
    refuse("its pending rows must ascend and be rows of it");
}

}  // namespace

StoredGraph stored(const Graph& graph) {
  StoredGraph result;
  result.n_rows = graph.n_rows();
  result.links = graph.layer(0).links(0);
  result.pending = graph.pending();
  for (size_t l = 1; l < graph.n_layers(); ++l) {
    const Layer& layer = graph.layer(l);
    const uint32_t* links = layer.links(0);
    const size_t n = layer.n_nodes();
    result.upper_counts.push_back(static_cast<uint32_t>(n));
    result.upper_links.insert(result.upper_links.end(), links, links + n * layer.degree());
    result.upper_rows.insert(result.upper_rows.end(), layer.rows().begin(), layer.rows().end());
    result.upper_below.insert(result.upper_below.end(), layer.nodes_below().begin(),
                              layer.nodes_below().end());
  }
  return result;
}

Graph restored(size_t m, size_t n_rows, const StoredGraph& stored,
               const std::shared_ptr<const void>& owner) {
  check_sizes(m, n_rows, stored);
  check_links(stored.links, stored.n_rows, 2 * m);
  check_pending(stored);
  std::vector<Layer> layers;
  layers.emplace_back(2 * m);
  layers[0].restore(stored.links, stored.n_rows, {}, {}, owner);
  size_t first = 0;
  for (const uint32_t n : stored.upper_counts) {
    const auto part = [&](const std::vector<uint32_t>& all) {
      const auto from = all.begin() + static_cast<std::ptrdiff_t>(first);
      return std::vector<uint32_t>(from, from + n);
    };
    std::vector<uint32_t> rows = part(stored.upper_rows), below = part(stored.upper_below);
    const uint32_t* links = stored.upper_links.data() + first * m;
    check_links(links, n, m);
    for (size_t i = 0; i < n; ++i)
      if (below[i] >= layers.back().n_nodes() || layers.back().row(below[i]) != rows[i])
        refuse("a node of an upper layer must have its row in the layer below");
    Layer layer(m);
    layer.reserve(n);
    for (size_t i = 0; i < n; ++i) {
      layer.append_node(rows[i], below[i]);
      layer.set_links(i, links + i * m, static_cast<size_t>(std::find(links + i * m, links + (i + 1) * m, Layer::kNone) - (links + i * m)));
    }
    layers.push_back(std::move(layer));
    first += n;
  }
  Graph graph(m);
  graph.replace(std::move(layers), stored.pending);
  return graph;
}

}  // namespace bitindex
