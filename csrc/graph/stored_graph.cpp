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

void check_rows(const std::vector<uint32_t>& rows, size_t n_rows, const char* what) {
  if (std::adjacent_find(rows.begin(), rows.end(), std::greater_equal<>()) != rows.end() ||
      (!rows.empty() && rows.back() >= n_rows))
    refuse("its " + std::string(what) + " rows must ascend and be rows of it");
}

// They get new links with the next rows; twins that hang from them would be lost then.
void check_pending(const StoredGraph& stored, size_t degree) {
  for (const uint32_t row : stored.pending)
    if (stored.links[row * degree] != Layer::kNone)
      refuse("row " + std::to_string(row) + " is pending and has links");
}

// Walks over the twins of a row must end: the first link of each leads to its parent, which has
// one link to it.
void check_twins(const StoredGraph& stored, size_t degree) {
  if (stored.twins.empty()) return;
  std::vector<bool> is_twin(stored.n_rows, false), is_child(stored.n_rows, false);
  for (const uint32_t row : stored.twins) is_twin[row] = true;
  for (const uint32_t row : stored.pending)
    if (is_twin[row]) refuse("row " + std::to_string(row) + " is a twin and pending");
  for (size_t row = 0; row < stored.n_rows; ++row) {
    const uint32_t* links = stored.links + row * degree;
    for (size_t i = is_twin[row] ? 1 : 0; i < degree && links[i] != Layer::kNone; ++i) {
      if (!is_twin[links[i]] || stored.links[links[i] * degree] != row) continue;
      if (is_child[links[i]])
        refuse("twin " + std::to_string(links[i]) + " must have one link to it from its parent");
      is_child[links[i]] = true;
    }
  }
  for (const uint32_t row : stored.twins)
    if (!is_child[row])
      refuse("twin " + std::to_string(row) + " must have one link to it from its parent");
  // Those of a circle would have no end. All others come from a row that is no twin.
  std::vector<uint32_t> depth(stored.n_rows, 0);
  for (const uint32_t row : stored.twins) {
    uint32_t steps = 0;
    for (uint32_t at = row; is_twin[at] && depth[at] == 0; at = stored.links[at * degree])
      if (++steps > stored.twins.size()) refuse("twins must not be their own ancestors");
    for (uint32_t at = row; is_twin[at] && depth[at] == 0; at = stored.links[at * degree])
      depth[at] = 1;
  }
}

}  // namespace

StoredGraph stored(const Graph& graph) {
  StoredGraph result;
  result.n_rows = graph.n_rows();
  result.links = graph.layer(0).links(0);
  result.twins = graph.twins();
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
  check_rows(stored.pending, stored.n_rows, "pending");
  check_pending(stored, 2 * m);
  check_rows(stored.twins, stored.n_rows, "twin");
  check_twins(stored, 2 * m);
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
      layer.set_links(
          i, links + i * m,
          static_cast<size_t>(std::find(links + i * m, links + (i + 1) * m, Layer::kNone) -
                              (links + i * m)));
    }
    layers.push_back(std::move(layer));
    first += n;
  }
  Graph graph(m);
  graph.replace(std::move(layers), stored.pending, stored.twins);
  return graph;
}

}  // namespace bitindex
