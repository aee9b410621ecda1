#include "index/list_choice.h"

#include <algorithm>
#include <numeric>

namespace bitindex {
namespace {

constexpr size_t kMoreLists = 8;  // times as many are ranked where lists hold too few rows

}  // namespace

ListChoice::ListChoice(const Scan& scan, const RowGroups& groups, Rank rank)
    : scan_(scan), groups_(groups), rank_(std::move(rank)) {}

size_t ListChoice::rows_of(size_t n_probes) const noexcept {
  const size_t n_lists = groups_.n_groups();
  return n_probes >= n_lists ? scan_.store.n_live() : scan_.store.n_live() / n_lists * n_probes;
}

bool ListChoice::is_tight(const Reach& reach) const noexcept {
  return is_filtered() && scan_.filter.n_allowed() <= rows_of(reach.n_mean);
}

size_t ListChoice::count_allowed(size_t list) const {
  const std::vector<uint32_t>& loose = groups_.loose(list);
  size_t n = 0;
  const RowFilter& filter = scan_.filter;
  groups_.for_each_range(list, scan_.store.n_rows(), [&](size_t first, size_t last) {
    n += filter.allows_all() ? last - first : filter.count(first, last);
  });
  if (filter.allows_all()) return n + loose.size();
  return n + static_cast<size_t>(std::count_if(loose.begin(), loose.end(),
                                               [&](uint32_t row) { return filter.allows(row); }));
}

double ListChoice::sparseness(size_t n_probes, size_t n_allowed) const noexcept {
  constexpr double kMost = 4.0;
  const double share =
      static_cast<double>(scan_.filter.n_allowed()) / static_cast<double>(scan_.store.n_live());
  const double expected = share * static_cast<double>(rows_of(n_probes));
  return std::clamp(expected / std::max(1.0, static_cast<double>(n_allowed)), 1.0, kMost);
}

bool ListChoice::cut(std::vector<Candidate>& centroids, const Reach& reach, size_t k) const {
  const size_t n_probes = lists_in_reach(centroids, reach);
  size_t n_rows = is_filtered() ? std::max(k, rows_of(n_probes)) : k;
  size_t n_kept = 0, n_seen = 0, rows = 0;
  for (const Candidate& centroid : centroids) {
    if (n_kept >= n_probes && rows >= n_rows) break;
    const size_t allowed = count_allowed(centroid.row());
    rows += allowed;
    if (allowed > 0 || !is_filtered()) centroids[n_kept++] = centroid;
    if (++n_seen == n_probes && is_filtered())
      n_rows = static_cast<size_t>(static_cast<double>(n_rows) * sparseness(n_probes, rows));
  }
  centroids.resize(n_kept);
  return n_kept >= n_probes && rows >= n_rows;
}

CandidateLists ListChoice::nearest(const Reach& reach, size_t k) const {
  const size_t n_lists = groups_.n_groups();
  const size_t n_rows = is_filtered() ? std::max(k, rows_of(reach.n_mean)) : k;
  // As if allowed rows were spread evenly; where that is not enough, all lists are ranked.
  const double share = static_cast<double>(n_rows) / static_cast<double>(scan_.filter.n_allowed());
  const auto guess = static_cast<size_t>(1.25 * share * static_cast<double>(n_lists)) + 1;
  size_t n_ranked = std::min(n_lists, std::max(reach.n_most, guess));
  float margin = is_filtered() ? kNoMargin : reach.margin;
  CandidateLists lists = rank_(n_ranked, margin);
  std::vector<size_t> lacking(lists.size());
  std::iota(lacking.begin(), lacking.end(), size_t{0});
  for (;;) {
    const auto is_enough = [&](size_t q) { return cut(lists[q], reach, k); };
    lacking.erase(std::remove_if(lacking.begin(), lacking.end(), is_enough), lacking.end());
    if (lacking.empty() || (n_ranked == n_lists && margin == kNoMargin)) return lists;
    n_ranked = std::min(n_lists, kMoreLists * n_ranked);
    margin = kNoMargin;
    CandidateLists more = rank_(n_ranked, margin);
    // Only for these queries, so that an answer does not depend on what else is asked.
    for (const size_t q : lacking) lists[q] = std::move(more[q]);
  }
}

size_t lists_in_reach(const std::vector<Candidate>& nearest_first, const Reach& reach) {
  size_t n = std::min(reach.n_most, nearest_first.size());
  while (n > 1 && nearest_first[n - 1].key() - nearest_first[0].key() > reach.margin) --n;
  return n;
}

std::vector<std::vector<uint32_t>> list_numbers(const CandidateLists& lists) {
  std::vector<std::vector<uint32_t>> numbers(lists.size());
  for (size_t q = 0; q < lists.size(); ++q)
    for (const Candidate& centroid : lists[q]) numbers[q].push_back(centroid.row());
  return numbers;
}

}  // namespace bitindex
