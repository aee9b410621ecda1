#include "graph/graph_builder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "graph/back_links.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr size_t kRowsPerTask = 16;

}  // namespace

void GraphBuilder::link_rows() {
  graph_.layer(0).reserve(metric_.store.n_rows());
  while (!graph_.pending().empty()) {
    const std::vector<uint32_t>& pending = graph_.pending();
    const auto middle =
        pending.begin() + static_cast<std::ptrdiff_t>(std::min(Batch::kMaxRows, pending.size()));
    std::vector<uint32_t> later(middle, pending.end());
    link_batch({pending.begin(), middle});
    graph_.set_pending(std::move(later));
  }
  while (graph_.n_rows() < metric_.store.n_rows()) {
    const size_t first = graph_.n_rows();
    std::vector<uint32_t> rows(std::min(Batch::kMaxRows, metric_.store.n_rows() - first));
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<uint32_t>(first + i);
    link_batch(std::move(rows));
  }
}

void GraphBuilder::link_batch(std::vector<uint32_t> rows) {
  std::vector<size_t> n_nodes;
  for (size_t l = 0; l < graph_.n_layers(); ++l) n_nodes.push_back(graph_.layer(l).n_nodes());
  const auto entry = graph_.entry();
  bool searching = true;
  try {
    Batch batch = add_batch(graph_, metric_, options_.seed, std::move(rows));
    choose_neighbours(batch, entry);
    searching = false;
    batch.choose_no_twins();
    for (size_t l = 0; l < batch.layers.size(); ++l)
      link_both_ways(graph_, metric_, options_.n_threads, batch, l);
    for (size_t i = 0; i < batch.rows.size(); ++i)
      if (batch.twin_of[i] != Layer::kNone) graph_.attach_twin(batch.rows[i], batch.twin_of[i]);
  } catch (...) {
    if (!searching) {
      graph_.clear();
      throw;
    }
    for (size_t l = 0; l < graph_.n_layers(); ++l)
      graph_.layer(l).truncate(l < n_nodes.size() ? n_nodes[l] : 0);
    graph_.shrink();
    throw;
  }
}

void GraphBuilder::choose_neighbours(Batch& batch, std::optional<GraphNode> entry) {
  const size_t n = batch.rows.size();
  run_tasks((n + kRowsPerTask - 1) / kRowsPerTask, options_.n_threads, cancel_, [&](size_t task) {
    GraphSearch search(graph_, metric_.kernels, metric_.store, *batch.score);
    NeighbourChoice choice(metric_);
    Beam beam;
    const size_t last = std::min(n, (task + 1) * kRowsPerTask);
    for (size_t i = task * kRowsPerTask; i < last; ++i)
      choose_neighbours(batch, i, entry, search, choice, beam);
  });
}

void GraphBuilder::choose_neighbours(Batch& batch, size_t i, std::optional<GraphNode> entry,
                                     GraphSearch& search, NeighbourChoice& choice,
                                     Beam& beam) const {
  if (batch.twin_of[i] != Layer::kNone) return;
  search.set_query(i);
  std::optional<Candidate> from;
  for (size_t l = batch.nodes[i].size(); l-- > 0;) {
    beam.start(options_.width);
    if (entry.has_value() && l <= entry->layer) {
      if (!from.has_value()) from = search.descend(*entry, l);
      search.find_nearest(l, *from, options_.width, beam);
      if (l > 0) from = Candidate(beam[0].key(), graph_.node_below(l, beam[0].row()));
    }
    look_at_batch(batch, i, l, search, beam);
    std::vector<Candidate>& chosen = batch.chosen[i][l];
    beam.copy_to(chosen);
    if (l == 0)
      batch.twin_of[i] = equal_row(batch.codes.data() + i * metric_.codes.n_bytes(), chosen);
    if (batch.twin_of[i] != Layer::kNone) {
      for (auto& links : batch.chosen[i]) links.clear();
    } else {
      choice.choose(batch.codes.data() + i * metric_.codes.n_bytes(), graph_.layer(l),
                    graph_.layer(l).degree(), chosen);
    }
  }
}

uint32_t GraphBuilder::equal_row(const uint8_t* code, const std::vector<Candidate>& nearest) const {
  const Column& codes = metric_.store.column(0);
  for (size_t c = 0; c < nearest.size() && nearest[c].key() <= 0.0f; ++c)
    if (std::memcmp(code, codes.row(nearest[c].row()), codes.width()) == 0) return nearest[c].row();
  return Layer::kNone;
}

void GraphBuilder::look_at_batch(const Batch& batch, size_t i, size_t layer, GraphSearch& search,
                                 Beam& beam) const {
  const Batch::Members& members = batch.layers[layer];
  const uint32_t own = batch.nodes[i][layer];
  std::vector<Candidate> found;
  search.keys().within(members.rows.data(), members.nodes.data(), members.rows.size(), beam.limit(),
                       found);
  for (const Candidate& other : found) {
    // Of twins in a batch only the later one looks at the other.
    if (other.row() == own || (layer == 0 && other.key() <= 0.0f && other.row() > own)) continue;
    beam.push(other);
  }
}

}  // namespace bitindex
