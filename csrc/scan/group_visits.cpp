#include "scan/group_visits.h"

#include <algorithm>

namespace bitindex {
namespace {

size_t n_parts(const RowGroups& groups, size_t group, size_t n_rows) {
  size_t n_parts = 1;
  groups.for_each_range(group, n_rows, [&](size_t first, size_t last) {
    n_parts = std::max(n_parts, (last - first + GroupVisits::kPartRows - 1) / GroupVisits::kPartRows);
  });
  return n_parts;
}

}  // namespace

std::vector<GroupVisit> GroupVisits::cut(const RowGroups& groups, size_t n_rows) {
  size_t first = 0;
  for (size_t& count : counts_) {
    const size_t n = count;
    count = first;
    first += n;
  }
  queries_.resize(pairs_.size());
  for (const Pair& pair : pairs_) queries_[counts_[pair.group]++] = pair.query;

  std::vector<GroupVisit> visits;
  for (size_t group = 0, start = 0; group < counts_.size(); start = counts_[group++]) {
    const size_t end = counts_[group];
    if (start == end) continue;
    for (uint32_t part = 0; part < n_parts(groups, group, n_rows); ++part)
      for (size_t q = start; q < end; q += kMostQueries)
        visits.push_back({static_cast<uint32_t>(group), part, queries_.data() + q,
                          std::min(kMostQueries, end - q)});
  }
  return visits;
}

}  // namespace bitindex
