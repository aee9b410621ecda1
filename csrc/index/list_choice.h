// Which lists of an inverted file each query looks at.
#pragma once

#include <limits>

#include "codes/row_groups.h"
#include "index/index.h"

namespace bitindex {

constexpr float kNoMargin = std::numeric_limits<float>::infinity();

// How far a query looks: at its n_most nearest lists, but for those that are more than `margin`
// farther than the nearest one. These are n_mean on average.
struct Reach {
  size_t n_most = 0;
  float margin = kNoMargin;
  size_t n_mean = n_most;
};

class ListChoice {
 public:
  // For each query its n nearest lists, nearest first: their numbers as rows, with distances. Those
  // more than `margin` farther than the nearest one may be left out.
  using Rank = std::function<CandidateLists(size_t n, float margin)>;

  ListChoice(const Scan& scan, const RowGroups& groups, Rank rank);

  // Whether a filter allows no more rows than a search looks at.
  bool is_tight(const Reach& reach) const noexcept;

  // For each query its nearest lists, with their distances: those in reach, and more where these
  // hold fewer than k allowed rows, or a filter leaves fewer rows in them than a search without one
  // looks at, up to four times as many where they are few near the query. Lists without an allowed
  // row are passed over.
  CandidateLists nearest(const Reach& reach, size_t k) const;

 private:
  // Whether not all rows that are left may be returned.
  bool is_filtered() const noexcept { return scan_.filter.n_allowed() < scan_.store.n_live(); }
  // How many rows n_probes lists hold on average.
  size_t rows_of(size_t n_probes) const noexcept;
  size_t count_allowed(size_t list) const;
  // How many times fewer rows are allowed in a query's nearest n_probes lists, n_allowed, than in
  // as many others: 1 to 4. What it looks for is then farther away, and spread over more lists.
  double sparseness(size_t n_probes, size_t n_allowed) const noexcept;
  // Cuts a query's list of centroids where those in reach and enough rows are together; returns
  // whether they are.
  bool cut(std::vector<Candidate>& centroids, const Reach& reach, size_t k) const;

  const Scan& scan_;
  const RowGroups& groups_;
  Rank rank_;
};

// How many of a query's lists are in reach.
size_t lists_in_reach(const std::vector<Candidate>& nearest_first, const Reach& reach);
// The numbers of lists alone.
std::vector<std::vector<uint32_t>> list_numbers(const CandidateLists& lists);

}  // namespace bitindex
