// Who looks at which group, turned around: for each group its queries, cut into tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/row_groups.h"

namespace bitindex {

// Some queries that look at some of the rows of a group.
struct GroupVisit {
  uint32_t group;
  uint32_t part;            // the rows of a group are cut into parts, loose ones belong to part 0
  const uint32_t* queries;  // numbers within the batch, ascending
  size_t n_queries;
};

class GroupVisits {
 public:
  static constexpr size_t kPartRows = size_t{1} << 16;
  static constexpr size_t kMostQueries = 128;  // of a visit; more are no quicker together

  // Queries of a group must come in ascending order.
  void add(size_t group, size_t query) {
    pairs_.push_back({static_cast<uint32_t>(group), static_cast<uint32_t>(query)});
  }
  // The visits by group; valid as long as this object lives, and nothing can be added then.
  std::vector<GroupVisit> cut(const RowGroups& groups, size_t n_rows);

 private:
  struct Pair {
    uint32_t group;
    uint32_t query;
  };
  void sort(size_t n_groups);

  std::vector<Pair> pairs_;
  std::vector<uint32_t> queries_;
};

}  // namespace bitindex
