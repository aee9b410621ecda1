#include "graph/back_links.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "graph/row_keys.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr size_t kNodesPerTask = 64;

struct NewLink {
  uint32_t from, to;
  bool operator<(const NewLink& other) const noexcept {
    return std::tie(from, to) < std::tie(other.from, other.to);
  }
};

// A node and the nodes that want a link from it.
struct Wishes {
  uint32_t node;
  const NewLink* first;
  const NewLink* last;
};

std::vector<NewLink> links_back(const Batch& batch, size_t layer) {
  std::vector<NewLink> links;
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    if (batch.twin_of[i] != Layer::kNone || layer >= batch.nodes[i].size()) continue;
    for (const Candidate& neighbour : batch.chosen[i][layer])
      links.push_back({neighbour.row(), batch.nodes[i][layer]});
  }
  std::sort(links.begin(), links.end());
  return links;
}

std::vector<Wishes> group_by_node(const std::vector<NewLink>& links) {
  std::vector<Wishes> wishes;
  const NewLink* const end = links.data() + links.size();
  for (const NewLink* first = links.data(); first != end;) {
    const NewLink* last = first;
    while (last != end && last->from == first->from) ++last;
    wishes.push_back({first->from, first, last});
    first = last;
  }
  return wishes;
}

// Adds links that a node has room for. Returns false, with nothing changed, where it has not.
bool add_links(Layer& layer, const Wishes& wishes) {
  std::vector<uint32_t> links(layer.links(wishes.node),
                              layer.links(wishes.node) + layer.n_links(wishes.node));
  for (const NewLink* link = wishes.first; link != wishes.last; ++link)
    if (std::find(links.begin(), links.end(), link->to) == links.end()) links.push_back(link->to);
  if (links.size() > layer.degree()) return false;
  layer.set_links(wishes.node, links.data(), links.size());
  return true;
}

// Chooses the links of nodes that have too many.
void choose_links(const Graph& graph, Layer& layer, const RowMetric& metric,
                  const std::vector<Wishes>& crowded) {
  const size_t n_bytes = metric.codes.n_bytes();
  std::vector<uint8_t> codes(crowded.size() * n_bytes);
  for (size_t i = 0; i < crowded.size(); ++i)
    std::memcpy(codes.data() + i * n_bytes, metric.store.column(0).row(layer.row(crowded[i].node)),
                n_bytes);
  const auto score = metric.score(codes.data(), crowded.size());
  RowKeys keys(metric.kernels, metric.store, *score);
  NeighbourChoice choice(metric);
  std::vector<uint32_t> nodes, rows;
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < crowded.size(); ++i) {
    const uint32_t node = crowded[i].node;
    nodes.assign(layer.links(node), layer.links(node) + layer.n_links(node));
    for (const NewLink* link = crowded[i].first; link != crowded[i].last; ++link)
      nodes.push_back(link->to);
    std::sort(nodes.begin(), nodes.end());
    nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
    std::vector<uint32_t> twins;
    if (layer.rows().empty()) {
      for (const uint32_t other : nodes)
        if (graph.is_child(other, node)) twins.push_back(other);
      const auto is_twin = [&](uint32_t other) { return graph.is_twin(other); };
      nodes.erase(std::remove_if(nodes.begin(), nodes.end(), is_twin), nodes.end());
    }
    rows.resize(nodes.size());
    for (size_t j = 0; j < nodes.size(); ++j) rows[j] = layer.row(nodes[j]);
    keys.set_query(i);
    candidates.clear();
    keys.within(rows.data(), nodes.data(), nodes.size(), std::numeric_limits<float>::infinity(),
                candidates);
    std::sort(candidates.begin(), candidates.end());
    choice.choose(codes.data() + i * n_bytes, layer, layer.degree() - twins.size(), candidates);
    nodes = twins;
    for (const Candidate& candidate : candidates) nodes.push_back(candidate.row());
    layer.set_links(node, nodes.data(), nodes.size());
  }
}

// Where all neighbours have dropped a row, one of them takes it back: the nearest that has room, or
// the nearest instead of its last link.
void keep_reachable(Graph& graph, uint32_t row, const std::vector<Candidate>& neighbours) {
  const Layer& layer = graph.layer(0);
  const auto leads_here = [&](const Candidate& c) { return layer.has_link(c.row(), row); };
  if (neighbours.empty() || std::any_of(neighbours.begin(), neighbours.end(), leads_here)) return;
  for (const Candidate& neighbour : neighbours)
    if (layer.n_links(neighbour.row()) < layer.degree())
      return graph.force_link(neighbour.row(), row);
  graph.force_link(neighbours[0].row(), row);
}

}  // namespace

void link_both_ways(Graph& graph, const RowMetric& metric, size_t n_threads, const Batch& batch,
                    size_t layer_number) {
  Layer& layer = graph.layer(layer_number);
  const auto links_of = [&](size_t i) -> const std::vector<Candidate>* {
    const bool has_links = batch.twin_of[i] == Layer::kNone && layer_number < batch.nodes[i].size();
    return has_links ? &batch.chosen[i][layer_number] : nullptr;
  };
  std::vector<uint32_t> nodes;
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    const auto* chosen = links_of(i);
    if (chosen == nullptr) continue;
    nodes.clear();
    for (const Candidate& neighbour : *chosen) nodes.push_back(neighbour.row());
    layer.set_links(batch.nodes[i][layer_number], nodes.data(), nodes.size());
  }

  const std::vector<NewLink> links = links_back(batch, layer_number);
  const std::vector<Wishes> wishes = group_by_node(links);
  Cancel never(nullptr);
  run_tasks((wishes.size() + kNodesPerTask - 1) / kNodesPerTask, n_threads, never,
            [&](size_t task) {
              std::vector<Wishes> crowded;
              const size_t last = std::min(wishes.size(), (task + 1) * kNodesPerTask);
              for (size_t i = task * kNodesPerTask; i < last; ++i)
                if (!add_links(layer, wishes[i])) crowded.push_back(wishes[i]);
              if (!crowded.empty()) choose_links(graph, layer, metric, crowded);
            });
  if (layer_number > 0) return;
  for (size_t i = 0; i < batch.rows.size(); ++i)
    if (links_of(i) != nullptr) keep_reachable(graph, batch.rows[i], *links_of(i));
}

}  // namespace bitindex
