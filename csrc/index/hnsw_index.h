// Approximate search by a graph of links between near rows.
//
// Small indexes, tight filters and searches that look far are scanned instead, which then is both
// quicker and exact. Rows that are not in the graph, as after a build that was stopped, are looked
// at one by one.
#pragma once

#include "graph/graph.h"
#include "graph/graph_builder.h"
#include "graph/stored_graph.h"
#include "index/index.h"

namespace bitindex {

struct HNSWOptions {
  size_t m = 16;                // links of a row; twice as many in the lowest layer
  size_t ef_construction = 64;  // rows that a new row chooses its neighbours from
  size_t ef = 64;               // rows that a search keeps
  uint64_t seed = 0;
};

class HNSWIndex : public Index {
 public:
  // Throws std::invalid_argument where an option is impossible.
  HNSWIndex(const IndexLayout& layout, const HNSWOptions& options);

  size_t m() const noexcept { return options_.m; }
  // For saving and loading, as Index::store and Index::restore.
  StoredGraph structure() const { return stored(graph_); }
  void restore_structure(const StoredGraph& structure, const std::shared_ptr<const void>& owner);
  // How many rows no path from where searches begin leads to: 0 after a build.
  size_t n_unreached() const;

 protected:
  CandidateLists find_nearest(const Scan& scan, const QueryBatch& queries, size_t k) const override;
  CandidateLists find_within(const Scan& scan, const QueryBatch& queries,
                             float radius) const override;
  void rows_written(const RowsWritten& written, Cancel& cancel) override;
  void rows_leaving(const std::vector<uint32_t>& gone, Cancel& cancel) override;
  void rows_moved(const std::vector<uint32_t>& kept, Cancel& cancel) override;
  size_t structure_bytes() const override { return graph_.memory_bytes(); }

 private:
  size_t width(const QueryBatch& queries) const noexcept {
    return queries.effort != 0 ? queries.effort : options_.ef;
  }
  RowMetric row_metric() const noexcept;
  void link_rows(Cancel& cancel);
  // Takes rows that change or go out of the graph, and lets others take over their links.
  void unlink_rows(const std::vector<uint32_t>& rows, Cancel& cancel);

  HNSWOptions options_;
  Graph graph_;
  size_t n_unchecked_ = 0;  // rows linked since all rows were known to be reachable
};

}  // namespace bitindex
