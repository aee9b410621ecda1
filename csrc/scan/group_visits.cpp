#include "scan/group_visits.h"

#include <algorithm>
#include <utility>

namespace bitindex {
namespace {

size_t n_parts(const RowGroups& groups, size_t group, size_t n_rows) {
  size_t n_parts = 1;
  groups.for_each_range(group, n_rows, [&](size_t first, size_t last) {
    n_parts =
        std::max(n_parts, (last - first + GroupVisits::kPartRows - 1) / GroupVisits::kPartRows);
  });
  return n_parts;
}

}  // namespace

// By group. Counting takes a pass over all groups, which few pairs are not worth.
void GroupVisits::sort(size_t n_groups) {
  if (pairs_.size() < n_groups / 8) {
    std::stable_sort(pairs_.begin(), pairs_.end(),
                     [](const Pair& a, const Pair& b) { return a.group < b.group; });
    return;
  }
  std::vector<size_t> next(n_groups + 1, 0);
  for (const Pair& pair : pairs_) ++next[pair.group];
  size_t first = 0;
  for (size_t& n : next) first += std::exchange(n, first);
  std::vector<Pair> sorted(pairs_.size());
  for (const Pair& pair : pairs_) sorted[next[pair.group]++] = pair;
  pairs_.swap(sorted);
}

std::vector<GroupVisit> GroupVisits::cut(const RowGroups& groups, size_t n_rows) {
  sort(groups.n_groups() + 1);
  queries_.resize(pairs_.size());
  std::transform(pairs_.begin(), pairs_.end(), queries_.begin(),
                 [](const Pair& pair) { return pair.query; });
  std::vector<GroupVisit> visits;
  for (size_t start = 0, end; start < pairs_.size(); start = end) {
    const uint32_t group = pairs_[start].group;
    for (end = start; end < pairs_.size() && pairs_[end].group == group;) ++end;
    for (uint32_t part = 0; part < n_parts(groups, group, n_rows); ++part)
      for (size_t q = start; q < end; q += kMostQueries)
        visits.push_back({group, part, queries_.data() + q, std::min(kMostQueries, end - q)});
  }
  return visits;
}

}  // namespace bitindex
