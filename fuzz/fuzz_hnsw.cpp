// Graphs of HNSWIndex: links to anywhere, layers that do not fit, twins that are none.
#include "harness.h"
#include "index/hnsw_index.h"

namespace bitindex::fuzz {
namespace {

constexpr HNSWOptions kOptions = {3, 4, 2, 0};

HNSWIndex empty_index() {
  IndexLayout layout;
  layout.n_bits = kBits;
  return HNSWIndex(layout, kOptions);
}

struct StoredIndex {
  StoredRows rows;
  std::vector<uint32_t> links;
  StoredGraph graph;
};

StoredIndex stored_index(const HNSWIndex& index) {
  StoredIndex stored = {stored_rows(index), {}, index.structure()};
  stored.links.assign(stored.graph.links,
                      stored.graph.links + stored.graph.n_rows * 2 * kOptions.m);
  return stored;
}

void restore(HNSWIndex& index, const StoredIndex& stored) {
  restore_rows(index, stored.rows);
  const auto links = std::make_shared<std::vector<uint32_t>>(stored.links);
  StoredGraph graph = stored.graph;
  graph.n_rows = links->size() / (2 * kOptions.m);
  graph.links = links->data();
  index.restore_structure(graph, links);
}

const StoredIndex& sound_index() {
  static const StoredIndex stored = [] {
    HNSWIndex index = empty_index();
    add_rows(index, kRows);
    return stored_index(index);
  }();
  return stored;
}

}  // namespace

void try_input(FuzzedDataProvider& data) {
  StoredIndex stored = sound_index();
  change(stored.links, data);
  for (auto* array :
       {&stored.graph.upper_counts, &stored.graph.upper_links, &stored.graph.upper_rows,
        &stored.graph.upper_below, &stored.graph.twins, &stored.graph.pending})
    change(*array, data);
  HNSWIndex index = empty_index();
  try {
    restore(index, stored);
  } catch (const std::exception&) {
    return;
  }
  search(index);
  change_rows(index);
  HNSWIndex again = empty_index();
  restore(again, stored_index(index));
  search(again);
}

}  // namespace bitindex::fuzz
