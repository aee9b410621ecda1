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
// Enough nodes to choose links from, for each that a node can have.
constexpr size_t kCandidatesPerLink = 3;

// The number that each node of a layer has from now on, or Layer::kNone where it is gone.
using NewNodes = std::vector<uint32_t>;

// Looks for links instead of those to nodes that are gone. The links of gone nodes must stay as
// they are meanwhile.
class LinkRepair {
 public:
  // `numbered` is the layer whose rows have the codes of the new numbers.
  LinkRepair(const Graph& graph, const Layer& before, const Layer& numbered,
             const NewNodes& new_nodes, const RowMetric& metric)
      : graph_(graph),
        before_(before),
        numbered_(numbered),
        new_nodes_(new_nodes),
        metric_(metric),
        choice_(metric) {}

  bool needs(uint32_t node) const {
    const uint32_t* links = before_.links(node);
    return std::any_of(links, links + before_.n_links(node),
                       [&](uint32_t other) { return new_nodes_[other] == Layer::kNone; });
  }

  // The new links of a node that stays, by their new numbers. Valid until the next call.
  const std::vector<uint32_t>& links_of(uint32_t node) {
    links_.clear();
    const uint32_t* links = before_.links(node);
    for (size_t i = 0; i < before_.n_links(node); ++i)
      if (new_nodes_[links[i]] != Layer::kNone &&
          (!is_twin(links[i]) || is_child(links[i], node) || is_child(node, links[i])))
        links_.push_back(new_nodes_[links[i]]);
    if (!is_twin(node) && needs(node)) {
      collect(node);
      add_chosen(new_nodes_[node]);
    }
    return links_;
  }

 private:
  bool is_twin(uint32_t node) const { return before_.rows().empty() && graph_.is_twin(node); }

  bool is_child(uint32_t node, uint32_t parent) const {
    return before_.rows().empty() && graph_.is_child(node, parent);
  }

  // All nodes that stay and are linked with this one, if only over nodes that are gone. Not twins.
  void collect(uint32_t node) {
    others_.clear();
    gone_.assign(1, node);
    const size_t enough = kCandidatesPerLink * before_.degree();
    for (size_t i = 0; i < gone_.size() && others_.size() < enough; ++i) {
      const uint32_t* links = before_.links(gone_[i]);
      for (size_t j = 0; j < before_.n_links(gone_[i]); ++j)
        if (is_twin(links[j]))
          continue;
        else if (new_nodes_[links[j]] != Layer::kNone)
          others_.push_back(new_nodes_[links[j]]);
        else if (std::find(gone_.begin(), gone_.end(), links[j]) == gone_.end())
          gone_.push_back(links[j]);
    }
    std::sort(others_.begin(), others_.end());
    others_.erase(std::unique(others_.begin(), others_.end()), others_.end());
    others_.erase(std::remove(others_.begin(), others_.end(), new_nodes_[node]), others_.end());
  }

  // Adds those of the others that a new node would be linked with too. The old links stay, for some
  // may be the only one to their node.
  void add_chosen(uint32_t new_node) {
    const uint8_t* code = metric_.store.column(0).row(numbered_.row(new_node));
    const auto score = metric_.score(code, 1);
    RowKeys keys(metric_.kernels, metric_.store, *score);
    keys.set_query(0);
    rows_.resize(others_.size());
    for (size_t i = 0; i < others_.size(); ++i) rows_[i] = numbered_.row(others_[i]);
    candidates_.clear();
    keys.within(rows_.data(), others_.data(), others_.size(),
                std::numeric_limits<float>::infinity(), candidates_);
    std::sort(candidates_.begin(), candidates_.end());
    choice_.choose(code, numbered_, before_.degree(), candidates_);
    const size_t n_old = links_.size();
    for (const Candidate& candidate : candidates_) {
      if (links_.size() == before_.degree()) break;
      const auto last_old = links_.begin() + static_cast<std::ptrdiff_t>(n_old);
      if (std::find(links_.begin(), last_old, candidate.row()) == last_old)
        links_.push_back(candidate.row());
    }
  }

  const Graph& graph_;
  const Layer& before_;
  const Layer& numbered_;
  const NewNodes& new_nodes_;
  const RowMetric& metric_;
  NeighbourChoice choice_;
  std::vector<uint32_t> links_, others_, gone_, rows_;
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

// Gives nodes with links to these links to others instead.
void mend_links(const Graph& graph, Layer& layer, const RowMetric& metric, size_t n_threads,
                Cancel& cancel, const std::vector<uint32_t>& nodes) {
  NewNodes new_nodes(layer.n_nodes());
  for (size_t node = 0; node < new_nodes.size(); ++node)
    new_nodes[node] = static_cast<uint32_t>(node);
  for (const uint32_t node : nodes) new_nodes[node] = Layer::kNone;
  const auto others = nodes_with_links_to(layer, nodes, new_nodes);
  run_tasks((others.size() + kNodesPerTask - 1) / kNodesPerTask, n_threads, cancel,
            [&](size_t task) {
              LinkRepair repair(graph, layer, layer, new_nodes, metric);
              const size_t last = std::min(others.size(), (task + 1) * kNodesPerTask);
              for (size_t i = task * kNodesPerTask; i < last; ++i) {
                if (!repair.needs(others[i])) continue;
                const auto& links = repair.links_of(others[i]);
                layer.set_links(others[i], links.data(), links.size());
              }
            });
}

// Rows that are gone, and the twins that hang from them and must be linked anew; ascending.
std::vector<uint32_t> with_orphans(const Graph& graph, std::vector<uint32_t> rows) {
  const size_t n = rows.size();
  for (size_t i = 0; i < n; ++i)
    graph.for_twins_of(rows[i], [&](uint32_t twin) { return rows.push_back(twin), true; });
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

std::vector<uint32_t> nodes_of(const Layer& layer, const std::vector<uint32_t>& rows) {
  if (layer.rows().empty()) return rows;
  std::vector<uint32_t> nodes;
  for (uint32_t node = 0; node < layer.n_nodes(); ++node)
    if (std::binary_search(rows.begin(), rows.end(), layer.row(node))) nodes.push_back(node);
  return nodes;
}

// The nodes that stay, without links, by the numbers that rows have from now on; `number` gets
// those of the nodes themselves.
Layer without_gone(const Layer& before, const NewNodes& rows, const NewNodes& below,
                   NewNodes& numbers) {
  Layer layer(before.degree());
  if (before.rows().empty()) {
    const auto n_gone = std::count(rows.begin(), rows.end(), Layer::kNone);
    layer.append_rows(before.n_nodes() - static_cast<size_t>(n_gone));
    numbers = rows;
    return layer;
  }
  numbers.assign(before.n_nodes(), Layer::kNone);
  for (uint32_t node = 0; node < before.n_nodes(); ++node) {
    const uint32_t row = rows[before.row(node)];
    if (row == Layer::kNone) continue;
    numbers[node] = static_cast<uint32_t>(layer.n_nodes());
    layer.append_node(row, below[before.below(node)]);
  }
  return layer;
}

// Gives the nodes of `after` the links that they had before, but for those to unlinked rows.
void copy_links(const Graph& graph, const Layer& before, const RowMetric& metric, size_t n_threads,
                const NewNodes& linked, Layer& after) {
  Cancel never(nullptr);
  run_tasks((before.n_nodes() + kNodesPerTask - 1) / kNodesPerTask, n_threads, never,
            [&](size_t task) {
              LinkRepair repair(graph, before, after, linked, metric);
              const size_t last = std::min(before.n_nodes(), (task + 1) * kNodesPerTask);
              for (size_t node = task * kNodesPerTask; node < last; ++node) {
                if (linked[node] == Layer::kNone) continue;
                const auto& links = repair.links_of(static_cast<uint32_t>(node));
                after.set_links(linked[node], links.data(), links.size());
              }
            });
}

}  // namespace

void unlink_rows(Graph& graph, const RowMetric& metric, size_t n_threads, Cancel& cancel,
                 std::vector<uint32_t> rows) {
  rows = with_orphans(graph, std::move(rows));
  for (size_t l = 0; l < graph.n_layers(); ++l) graph.layer(l).reserve(graph.layer(l).n_nodes());
  for (const uint32_t row : rows)
    if (graph.is_twin(row)) graph.detach_twin(row);
  std::vector<std::vector<uint32_t>> nodes;
  for (size_t l = 0; l < graph.n_layers(); ++l) nodes.push_back(nodes_of(graph.layer(l), rows));
  std::vector<uint32_t> pending;
  std::set_union(rows.begin(), rows.end(), graph.pending().begin(), graph.pending().end(),
                 std::back_inserter(pending));
  const auto finish = [&]() noexcept {
    for (size_t l = 0; l < graph.n_layers(); ++l)
      for (const uint32_t node : nodes[l]) graph.layer(l).set_links(node, nullptr, 0);
    graph.set_pending(std::move(pending));
  };
  try {
    for (size_t l = 0; l < graph.n_layers(); ++l)
      if (!nodes[l].empty()) mend_links(graph, graph.layer(l), metric, n_threads, cancel, nodes[l]);
  } catch (...) {
    finish();
    throw;
  }
  finish();
}

void move_rows(Graph& graph, const RowMetric& metric, size_t n_threads,
               const std::vector<uint32_t>& kept) {
  NewNodes rows(graph.n_rows(), Layer::kNone);
  for (size_t i = 0; i < kept.size() && kept[i] < rows.size(); ++i)
    rows[kept[i]] = static_cast<uint32_t>(i);
  std::vector<uint32_t> gone, pending, twins;
  for (uint32_t row = 0; row < rows.size(); ++row)
    if (rows[row] == Layer::kNone) gone.push_back(row);
  const std::vector<uint32_t> unlinked = with_orphans(graph, std::move(gone));
  for (uint32_t row = 0; row < rows.size(); ++row) {
    if (rows[row] == Layer::kNone) continue;
    const bool is_orphan = std::binary_search(unlinked.begin(), unlinked.end(), row);
    if (is_orphan || graph.is_pending(row))
      pending.push_back(rows[row]);
    else if (graph.is_twin(row))
      twins.push_back(rows[row]);
  }
  std::vector<Layer> layers;
  NewNodes below;
  for (size_t l = 0; l < graph.n_layers(); ++l) {
    const Layer& before = graph.layer(l);
    NewNodes numbers;
    layers.push_back(without_gone(before, rows, below, numbers));
    NewNodes linked = numbers;
    for (const uint32_t node : nodes_of(before, unlinked)) linked[node] = Layer::kNone;
    copy_links(graph, before, metric, n_threads, linked, layers.back());
    below.swap(numbers);
  }
  graph.replace(std::move(layers), std::move(pending), twins);
}

}  // namespace bitindex
