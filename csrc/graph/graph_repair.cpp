#include "graph/graph_repair.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "graph/row_keys.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr size_t kNodesPerTask = 256;
// Where more than one row in so many has changed, all links are looked at.
constexpr size_t kFewRows = 64;
// Rows that are gone are followed until so many others were found for each link.
constexpr size_t kMaxFollowed = 32;

// The number that each node of a layer has from now on, or Layer::kNone where it is gone.
using NewNodes = std::vector<uint32_t>;

// Looks for links instead of those to nodes that are gone. The links of gone nodes must stay as
// they are meanwhile.
class LinkRepair {
 public:
  // `numbered` is the layer whose rows have the codes of the new numbers.
  LinkRepair(const Layer& before, const Layer& numbered, const NewNodes& new_nodes,
             const RowMetric& metric)
      : before_(before), numbered_(numbered), new_nodes_(new_nodes), metric_(metric),
        choice_(metric) {}

  bool needs(uint32_t node) const {
    const uint32_t* links = before_.links(node);
    return std::any_of(links, links + before_.n_links(node),
                       [&](uint32_t other) { return new_nodes_[other] == Layer::kNone; });
  }

  // The new links of a node that stays, by their new numbers. Valid until the next call.
  const std::vector<uint32_t>& links_of(uint32_t node) {
    links_.clear();
    if (!needs(node)) {
      const uint32_t* links = before_.links(node);
      for (size_t i = 0; i < before_.n_links(node); ++i) links_.push_back(new_nodes_[links[i]]);
      return links_;
    }
    collect(node);
    choose(new_nodes_[node]);
    return links_;
  }

 private:
  // All nodes that stay and are linked with this one, if only over nodes that are gone.
  void collect(uint32_t node) {
    gone_.assign(1, node);
    for (size_t i = 0; i < gone_.size() && i <= kMaxFollowed; ++i) {
      const uint32_t* links = before_.links(gone_[i]);
      for (size_t j = 0; j < before_.n_links(gone_[i]); ++j)
        if (new_nodes_[links[j]] != Layer::kNone)
          links_.push_back(new_nodes_[links[j]]);
        else if (std::find(gone_.begin(), gone_.end(), links[j]) == gone_.end())
          gone_.push_back(links[j]);
    }
    std::sort(links_.begin(), links_.end());
    links_.erase(std::unique(links_.begin(), links_.end()), links_.end());
    links_.erase(std::remove(links_.begin(), links_.end(), new_nodes_[node]), links_.end());
  }

  void choose(uint32_t new_node) {
    const uint8_t* code = metric_.store.column(0).row(numbered_.row(new_node));
    const auto score = metric_.score(code, 1);
    RowKeys keys(metric_.kernels, metric_.store, *score);
    keys.set_query(0);
    rows_.resize(links_.size());
    for (size_t i = 0; i < links_.size(); ++i) rows_[i] = numbered_.row(links_[i]);
    candidates_.clear();
    keys.within(rows_.data(), links_.data(), links_.size(), std::numeric_limits<float>::infinity(),
                candidates_);
    std::sort(candidates_.begin(), candidates_.end());
    choice_.choose(code, numbered_, before_.degree(), candidates_);
    links_.clear();
    for (const Candidate& candidate : candidates_) links_.push_back(candidate.row());
  }

  const Layer& before_;
  const Layer& numbered_;
  const NewNodes& new_nodes_;
  const RowMetric& metric_;
  NeighbourChoice choice_;
  std::vector<uint32_t> links_, gone_, rows_;
  std::vector<Candidate> candidates_;
};

// Nodes of the layer that have links to these, as far as worth looking for.
std::vector<uint32_t> nodes_with_links_to(const Layer& layer, const std::vector<uint32_t>& nodes,
                                          const NewNodes& new_nodes) {
  std::vector<uint32_t> result;
  if (nodes.size() * kFewRows > layer.n_nodes()) {
    for (size_t node = 0; node < layer.n_nodes(); ++node)
      if (new_nodes[node] != Layer::kNone) result.push_back(static_cast<uint32_t>(node));
    return result;
  }
  for (const uint32_t node : nodes)
    for (size_t i = 0; i < layer.n_links(node); ++i)
      if (new_nodes[layer.links(node)[i]] != Layer::kNone) result.push_back(layer.links(node)[i]);
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

void unlink_nodes(Layer& layer, const RowMetric& metric, size_t n_threads,
                  const std::vector<uint32_t>& nodes) {
  NewNodes new_nodes(layer.n_nodes());
  for (size_t node = 0; node < new_nodes.size(); ++node)
    new_nodes[node] = static_cast<uint32_t>(node);
  for (const uint32_t node : nodes) new_nodes[node] = Layer::kNone;
  const auto others = nodes_with_links_to(layer, nodes, new_nodes);
  Cancel never(nullptr);
  run_tasks((others.size() + kNodesPerTask - 1) / kNodesPerTask, n_threads, never,
            [&](size_t task) {
              LinkRepair repair(layer, layer, new_nodes, metric);
              const size_t last = std::min(others.size(), (task + 1) * kNodesPerTask);
              for (size_t i = task * kNodesPerTask; i < last; ++i) {
                if (!repair.needs(others[i])) continue;
                const auto& links = repair.links_of(others[i]);
                layer.set_links(others[i], links.data(), links.size());
              }
            });
  for (const uint32_t node : nodes) layer.set_links(node, nullptr, 0);
}

// The number that each row has from now on.
NewNodes new_rows(const std::vector<uint32_t>& kept, size_t n_rows) {
  NewNodes result(n_rows, Layer::kNone);
  for (size_t i = 0; i < kept.size() && kept[i] < n_rows; ++i)
    result[kept[i]] = static_cast<uint32_t>(i);
  return result;
}

// The nodes of a layer that stay, without links, and what number each of the old ones has.
Layer without_gone(const Layer& before, const NewNodes& rows, const NewNodes& below,
                   NewNodes& new_nodes) {
  Layer layer(before.degree());
  if (before.rows().empty()) {
    layer.append_rows(before.n_nodes() -
                      static_cast<size_t>(std::count(rows.begin(), rows.end(), Layer::kNone)));
    new_nodes = rows;
    return layer;
  }
  new_nodes.assign(before.n_nodes(), Layer::kNone);
  for (uint32_t node = 0; node < before.n_nodes(); ++node) {
    const uint32_t row = rows[before.row(node)];
    if (row == Layer::kNone) continue;
    new_nodes[node] = static_cast<uint32_t>(layer.n_nodes());
    layer.append_node(row, below[before.below(node)]);
  }
  return layer;
}

Layer moved(const Layer& before, const RowMetric& metric, size_t n_threads, const NewNodes& rows,
            const NewNodes& below, NewNodes& new_nodes) {
  Layer layer = without_gone(before, rows, below, new_nodes);
  Cancel never(nullptr);
  run_tasks((before.n_nodes() + kNodesPerTask - 1) / kNodesPerTask, n_threads, never,
            [&](size_t task) {
              LinkRepair repair(before, layer, new_nodes, metric);
              const size_t last = std::min(before.n_nodes(), (task + 1) * kNodesPerTask);
              for (size_t node = task * kNodesPerTask; node < last; ++node) {
                if (new_nodes[node] == Layer::kNone) continue;
                const auto& links = repair.links_of(static_cast<uint32_t>(node));
                layer.set_links(new_nodes[node], links.data(), links.size());
              }
            });
  return layer;
}

}  // namespace

void unlink_rows(Graph& graph, const RowMetric& metric, size_t n_threads,
                 std::vector<uint32_t> rows) {
  std::sort(rows.begin(), rows.end());
  for (size_t l = 0; l < graph.n_layers(); ++l) {
    Layer& layer = graph.layer(l);
    layer.reserve(layer.n_nodes());
    std::vector<uint32_t> nodes;
    if (l == 0)
      nodes = rows;
    else
      for (size_t node = 0; node < layer.n_nodes(); ++node)
        if (std::binary_search(rows.begin(), rows.end(), layer.rows()[node]))
          nodes.push_back(static_cast<uint32_t>(node));
    if (!nodes.empty()) unlink_nodes(layer, metric, n_threads, nodes);
  }
  std::vector<uint32_t> pending;
  std::set_union(rows.begin(), rows.end(), graph.pending().begin(), graph.pending().end(),
                 std::back_inserter(pending));
  graph.set_pending(std::move(pending));
}

void move_rows(Graph& graph, const RowMetric& metric, size_t n_threads,
               const std::vector<uint32_t>& kept) {
  const NewNodes rows = new_rows(kept, graph.n_rows());
  std::vector<uint32_t> pending;
  for (const uint32_t row : graph.pending())
    if (rows[row] != Layer::kNone) pending.push_back(rows[row]);
  NewNodes below, new_nodes;
  std::vector<Layer> layers;
  for (size_t l = 0; l < graph.n_layers(); ++l) {
    layers.push_back(moved(graph.layer(l), metric, n_threads, rows, below, new_nodes));
    below.swap(new_nodes);
  }
  graph.replace(std::move(layers), std::move(pending));
}

}  // namespace bitindex
