#include "graph/reach.h"

#include <algorithm>

#include "graph/graph_search.h"

namespace bitindex {
namespace {

// Which rows links lead to, from some row on.
class Reached {
 public:
  explicit Reached(const Layer& layer) : layer_(layer), is_reached_(layer.n_nodes(), false) {}

  bool operator[](size_t row) const { return is_reached_[row]; }

  void add(uint32_t row) {
    if (is_reached_[row]) return;
    is_reached_[row] = true;
    for (to_follow_.assign(1, row); !to_follow_.empty();) {
      const uint32_t from = to_follow_.back();
      to_follow_.pop_back();
      const uint32_t* links = layer_.links(from);
      for (size_t i = 0; i < layer_.degree() && links[i] != Layer::kNone; ++i) {
        if (is_reached_[links[i]]) continue;
        is_reached_[links[i]] = true;
        to_follow_.push_back(links[i]);
      }
    }
  }

 private:
  const Layer& layer_;
  std::vector<bool> is_reached_;
  std::vector<uint32_t> to_follow_;
};

uint32_t row_of(const Graph& graph, const GraphNode& entry) {
  return graph.layer(entry.layer).row(entry.node);
}

// Links a row from the nearest of the rows found that has room, or else instead of the last link of
// one of the nearest, in each round another. Returns whether a link gave way.
bool link_from_nearest(Graph& graph, uint32_t row, const Beam& found, size_t round) {
  const Layer& layer = graph.layer(0);
  for (size_t i = 0; i < found.size(); ++i)
    if (layer.n_links(found[i].row()) < layer.degree()) {
      graph.force_link(found[i].row(), row);
      return false;
    }
  graph.force_link(found[round % found.size()].row(), row);
  return true;
}

}  // namespace

void link_unreached(Graph& graph, const RowMetric& metric, size_t width, Cancel& cancel) {
  const auto entry = graph.entry();
  if (!entry.has_value()) return;
  const Layer& layer = graph.layer(0);
  // A link that gives way may have been the only one to its row, which would so take it back for
  // ever: each round looks further for a row that has room.
  constexpr size_t kMaxRounds = 10;
  bool gave_way = true;
  for (size_t round = 0; round < kMaxRounds && gave_way; ++round) {
    gave_way = false;
    Reached reached(layer);
    reached.add(row_of(graph, *entry));
    for (uint32_t row = 0; row < layer.n_nodes(); ++row) {
      if (reached[row] || graph.is_pending(row) || graph.is_twin(row)) continue;
      cancel.throw_if_stopped();
      const auto score = metric.score(metric.store.column(0).row(row), 1);
      GraphSearch search(graph, metric.kernels, metric.store, *score);
      search.set_query(0);
      // From the entry's own row, so that only rows are found that can be reached.
      const uint32_t first = row_of(graph, *entry);
      Beam beam;
      search.find_nearest(0, {search.keys().key(first), first},
                          std::min(width << round, layer.n_nodes()), beam);
      gave_way |= link_from_nearest(graph, row, beam, round);
      reached.add(row);
    }
  }
}

size_t count_unreached(const Graph& graph) {
  const auto entry = graph.entry();
  if (!entry.has_value()) return 0;
  Reached reached(graph.layer(0));
  reached.add(row_of(graph, *entry));
  size_t n = 0;
  for (uint32_t row = 0; row < graph.n_rows(); ++row) n += !reached[row] && !graph.is_pending(row);
  return n;
}

}  // namespace bitindex
