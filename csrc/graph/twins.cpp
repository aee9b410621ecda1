#include "graph/twins.h"

#include "graph/random.h"
#include "graph/row_keys.h"

namespace bitindex {
namespace {

constexpr size_t kMaxSteps = 64;

class Twins {
 public:
  Twins(Layer& layer, RowKeys& keys) : layer_(layer), keys_(keys) {}

  // Links a row with a twin: the first with few twins on a random walk from the given one.
  void attach(uint32_t row, uint32_t twin) {
    for (size_t step = 0; step < kMaxSteps; ++step) {
      const std::vector<uint32_t> others = twins_of(twin, row);
      const bool has_room = layer_.n_links(twin) < layer_.degree();
      if (others.empty() || (others.size() < NeighbourChoice::kMaxTwins && has_room)) break;
      twin = others[mixed(row * kMaxSteps + step) % others.size()];
    }
    if (layer_.n_links(twin) < layer_.degree())
      layer_.add_link(twin, row);
    else
      layer_.replace_link(twin, layer_.degree() - 1, row);
    layer_.set_links(row, &twin, 1);
  }

 private:
  // The rows of this code that a node has links to, but for `row`.
  std::vector<uint32_t> twins_of(uint32_t node, uint32_t row) {
    found_.clear();
    keys_.within(layer_.links(node), layer_.links(node), layer_.n_links(node), 0.0f, found_);
    std::vector<uint32_t> twins;
    for (const Candidate& candidate : found_)
      if (candidate.key() <= 0.0f && candidate.row() != row) twins.push_back(candidate.row());
    return twins;
  }

  Layer& layer_;
  RowKeys& keys_;
  std::vector<Candidate> found_;
};

}  // namespace

void attach_twins(Graph& graph, const RowMetric& metric, const Batch& batch) {
  RowKeys keys(metric.kernels, metric.store, *batch.score);
  Twins twins(graph.layer(0), keys);
  for (size_t i = 0; i < batch.rows.size(); ++i) {
    if (batch.is_twin[i] == 0) continue;
    keys.set_query(i);
    twins.attach(batch.rows[i], batch.chosen[i][0][0].row());
  }
}

}  // namespace bitindex
