// Rows in the order of their numbers of set bits, the most first.
//
// More bits have more in common with a query: of random rows, and of those with more bits than the
// query, the nearest come first, and the limit is soon tight.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "codes/id_map.h"
#include "codes/row_groups.h"
#include "scan/candidate.h"
#include "tables/score.h"

namespace bitindex {

struct RowRange {
  size_t first = 0;
  size_t last = std::numeric_limits<size_t>::max();  // or the end of the rows before that

  size_t size() const noexcept { return last - first; }
};

// The group of rows with so many of n_bits set.
inline uint32_t group_of_size(size_t size, size_t n_bits) noexcept {
  return static_cast<uint32_t>(n_bits - size);
}

class RowsBySize {
 public:
  // A group for each number of bits, from all to none; ids_ascend: within each group. Rows that
  // have another number than their place says may be missed.
  RowsBySize(const RowGroups& groups, bool ids_ascend) noexcept
      : groups_(groups), ids_ascend_(ids_ascend) {}

  const RowGroups& groups() const noexcept { return groups_; }
  size_t n_rows() const noexcept { return groups_.n_ordered(); }
  size_t n_bits() const noexcept { return groups_.n_groups() - 1; }
  bool ids_ascend() const noexcept { return ids_ascend_; }

  RowRange rows(SizeRange sizes) const noexcept {
    return {groups_.starts()[n_bits() - std::min(sizes.most, n_bits())],
            groups_.starts()[n_bits() - std::min(sizes.least, n_bits()) + 1]};
  }
  // The sizes of these rows, at least one; sooner where the first has about as many bits as `near`.
  SizeRange sizes(size_t first, size_t last, size_t near = 0) const noexcept {
    const uint32_t group = groups_.group_of_place(first, n_bits() - std::min(near, n_bits()));
    return {n_bits() - groups_.group_of_place(last - 1, group), n_bits() - group};
  }
  // No row of these sizes from `first` on has a smaller id; where ids_ascend().
  int64_t first_id(const IdMap& ids, size_t first, SizeRange sizes) const noexcept {
    int64_t id = ids.id(first);
    for (size_t size = sizes.least; size < sizes.most; ++size)
      id = std::min(id, ids.id(groups_.starts()[n_bits() - size]));
    return id;
  }

 private:
  const RowGroups& groups_;
  bool ids_ascend_;
};

}  // namespace bitindex
