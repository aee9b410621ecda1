// Answers to a batch of queries from a graph: what to look at, how far, and where a scan is better.
#pragma once

#include <cstddef>

#include "graph/graph.h"
#include "graph/graph_search.h"
#include "scan/scan.h"

namespace bitindex {

class GraphQueries {
 public:
  // width: rows that a search keeps.
  GraphQueries(const Graph& graph, const Scan& scan, const Score& score, size_t width)
      : graph_(graph), scan_(scan), score_(score), width_(width), entry_(graph.entry()) {}

  // Whether a scan of the allowed rows takes no longer than the graph.
  bool scan_is_cheaper() const noexcept;

  // k <= width.
  CandidateLists find_nearest(size_t n_queries, size_t k) const;
  CandidateLists find_within(size_t n_queries, float radius) const;

 private:
  bool allows(uint32_t row) const noexcept {
    return scan_.filter.allows_all() || scan_.filter.allows(row);
  }
  // Whether this row or one of its twins is allowed.
  bool allows_any(uint32_t row) const;
  // How many rows a walk may see before a scan of the allowed ones is better.
  size_t most_seen() const noexcept;
  template <class Answer>
  CandidateLists answer_each(size_t n_queries, Answer answer) const;
  std::vector<Candidate> nearest(GraphSearch& search, Beam& beam, size_t k) const;
  std::vector<Candidate> within(GraphSearch& search, float radius) const;
  // Calls use(first, last) with some rows after the other that are allowed, ascending.
  template <class Use>
  void for_allowed_rows(Use use) const;
  std::vector<Candidate> scan_nearest(RowKeys& keys, size_t k) const;
  std::vector<Candidate> scan_within(RowKeys& keys, float radius) const;
  // Adds the allowed twins of the nearest of the rows found, until there are `most` in all, and
  // drops those found that are not allowed themselves.
  void add_twins(RowKeys& keys, float limit, size_t most, std::vector<Candidate>& found) const;
  // Adds rows, as far as within the limit.
  void add_rows(RowKeys& keys, const std::vector<uint32_t>& rows, float limit,
                std::vector<Candidate>& found) const;
  // Adds the allowed rows that are not in the graph, as far as within the limit.
  void add_unlinked(RowKeys& keys, float limit, std::vector<Candidate>& candidates) const;

  const Graph& graph_;
  const Scan& scan_;
  const Score& score_;
  size_t width_;
  std::optional<GraphNode> entry_;
};

}  // namespace bitindex
