#include "index/hnsw_index.h"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "graph/graph_queries.h"
#include "graph/graph_repair.h"
#include "graph/reach.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr size_t kMaxLinks = 512;
// To look at all links of a graph takes a small share of the time to link a quarter of its rows.
constexpr size_t kUncheckedShare = 4;

const HNSWOptions& checked(const HNSWOptions& options) {
  if (options.m < 2 || options.m > kMaxLinks)
    throw std::invalid_argument("m must be between 2 and " + std::to_string(kMaxLinks) + ", got " +
                                std::to_string(options.m));
  if (options.ef_construction < 1 || options.ef < 1)
    throw std::invalid_argument("ef_construction and ef must be >= 1");
  return options;
}

}  // namespace

HNSWIndex::HNSWIndex(const IndexLayout& layout, const HNSWOptions& options)
    : Index(layout), options_(checked(options)), graph_(options.m) {}

void HNSWIndex::restore_structure(const StoredGraph& structure,
                                  const std::shared_ptr<const void>& owner) {
  const auto guard = lock().write();
  graph_ = restored(options_.m, store().n_rows(), structure, owner);
}

size_t HNSWIndex::n_unreached() const {
  const auto guard = lock().read();
  return count_unreached(graph_);
}

RowMetric HNSWIndex::row_metric() const noexcept {
  return {kernels(), store(), metric(), layout().codes(), store().column(kRowTerms).floats()};
}

CandidateLists HNSWIndex::find_nearest(const Scan& scan, const QueryBatch& queries,
                                       size_t k) const {
  const auto score = queries.score(scan.store);
  const GraphQueries graph_queries(graph_, scan, *score, std::max(width(queries), k));
  if (k == 0 || graph_queries.scan_is_cheaper()) return scan_nearest(scan, *score, queries.n, k);
  return graph_queries.find_nearest(queries.n, k);
}

CandidateLists HNSWIndex::find_within(const Scan& scan, const QueryBatch& queries,
                                      float radius) const {
  const auto score = queries.score(scan.store);
  const GraphQueries graph_queries(graph_, scan, *score, width(queries));
  if (graph_queries.scan_is_cheaper()) return scan_within(scan, *score, queries.n, radius);
  return graph_queries.find_within(queries.n, radius);
}

void HNSWIndex::rows_written(const RowsWritten& written, Cancel& cancel) {
  unlink_rows(written.replaced, cancel);
  link_rows(cancel);
}

void HNSWIndex::unlink_rows(const std::vector<uint32_t>& rows, Cancel& cancel) {
  try {
    std::vector<uint32_t> known;
    for (const uint32_t row : rows)
      if (row < graph_.n_rows()) known.push_back(row);
    if (known.empty()) return;
    if (2 * known.size() > graph_.n_rows()) return graph_.clear();  // quicker to link all anew
    bitindex::unlink_rows(graph_, row_metric(), default_threads(), cancel, std::move(known));
  } catch (const std::bad_alloc&) {
    // Some may still be linked for what they were. Without a graph, rows are found by a scan.
    graph_.clear();
    throw;
  }
}

void HNSWIndex::link_rows(Cancel& cancel) {
  const RowMetric metric = row_metric();
  const size_t width = std::max(options_.ef_construction, options_.m);
  const BuildOptions options = {width, options_.seed, default_threads()};
  n_unchecked_ += store().n_rows() - graph_.n_linked();
  GraphBuilder(graph_, metric, options, cancel).link_rows();
  if (n_unchecked_ * kUncheckedShare < graph_.n_rows()) return;
  link_unreached(graph_, metric, options.width, cancel);
  n_unchecked_ = 0;
}

// The long part of it, while it can still be stopped.
void HNSWIndex::rows_leaving(const std::vector<uint32_t>& gone, Cancel& cancel) {
  unlink_rows(gone, cancel);
}

void HNSWIndex::rows_moved(const std::vector<uint32_t>& kept, Cancel& cancel) {
  n_unchecked_ = kept.size();
  try {
    move_rows(graph_, row_metric(), default_threads(), kept);
  } catch (...) {
    graph_.clear();
    throw;
  }
  link_rows(cancel);
}

}  // namespace bitindex
