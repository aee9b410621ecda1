#include "graph/graph_search.h"

namespace bitindex {

Candidate GraphSearch::candidate(size_t layer, uint32_t node) {
  return {keys_.key(graph_.layer(layer).row(node)), node};
}

Candidate GraphSearch::descend(const GraphNode& entry, size_t layer) {
  Candidate nearest = candidate(entry.layer, entry.node);
  for (size_t l = entry.layer; l > layer; --l) {
    const Layer& here = graph_.layer(l);
    for (uint32_t from = Layer::kNone; from != nearest.row();) {
      from = nearest.row();
      const uint32_t* links = here.links(from);
      const size_t n = here.n_links(from);
      rows_.resize(n);
      for (size_t i = 0; i < n; ++i) {
        rows_[i] = here.row(links[i]);
        keys_.prefetch(rows_[i]);
      }
      found_.clear();
      keys_.within(rows_.data(), links, n, nearest.key(), found_);
      for (const Candidate& next : found_)
        if (next < nearest && !graph_.is_passed_over(l, next.row())) nearest = next;
    }
    nearest = {nearest.key(), graph_.node_below(l, nearest.row())};
  }
  return nearest;
}

size_t GraphSearch::look_around(size_t number, uint32_t node, float limit) {
  const Layer& layer = graph_.layer(number);
  const size_t degree = layer.degree();
  const uint32_t* links = layer.links(node);
  nodes_.resize(degree);
  size_t n = 0;
  for (size_t i = 0; i < degree && links[i] != Layer::kNone; ++i) {
    nodes_[n] = links[i];
    n += visited_->mark(links[i]);  // without a branch, because it is a coin's toss
  }
  if (graph_.passes_some_over()) {
    const auto pass_over = [&](uint32_t other) { return graph_.is_passed_over(number, other); };
    const auto first = nodes_.begin(), last = first + static_cast<std::ptrdiff_t>(n);
    n = static_cast<size_t>(std::remove_if(first, last, pass_over) - first);
  }
  const uint32_t* rows = nodes_.data();
  if (!layer.rows().empty()) {
    rows_.resize(n);
    for (size_t i = 0; i < n; ++i) rows_[i] = layer.row(nodes_[i]);
    rows = rows_.data();
  }
  for (size_t i = 0; i < n; ++i) keys_.prefetch(rows[i]);
  found_.clear();
  keys_.within(rows, nodes_.data(), n, limit, found_);
  return n;
}

void GraphSearch::find_nearest(size_t layer_number, const Candidate& from, size_t width,
                               Beam& beam) {
  const Layer& layer = graph_.layer(layer_number);
  const size_t link_bytes = layer.degree() * sizeof(uint32_t);
  visited_ = &Visited::of_this_thread();
  visited_->start(layer.n_nodes());
  visited_->mark(from.row());
  beam.start(width);
  beam.push(from);
  for (uint32_t node; beam.follow(node);) {
    look_around(layer_number, node, beam.limit());
    for (const Candidate& next : found_)
      if (beam.push(next)) prefetch_bytes(layer.links(next.row()), link_bytes);
  }
}

}  // namespace bitindex
