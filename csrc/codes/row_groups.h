// Rows in the order of groups: the lists of an inverted file, or rows of one popcount.
//
// The first rows of an index stand group by group. What has changed since then is kept beside that:
// rows behind them, and rows among them that are taken out of their place, are "loose" and listed
// by group one by one. Rows that have no group yet belong to one more group behind the others, so
// that every row is in exactly one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

namespace bitindex {

// How rows are to stand: row i is what is row rows[i] now, and group g begins at row starts[g].
struct RowOrder {
  std::vector<uint32_t> rows;
  std::vector<size_t> starts;  // one more than groups
};

// The order of the rows [0, groups.size()) for which `keep` is true, with groups[row] < n_groups.
RowOrder order_by_group(const std::vector<uint32_t>& groups, size_t n_groups,
                        const std::function<bool(size_t)>& keep);

class RowGroups {
 public:
  // Rows that stand in order already. starts[0] is 0, and the starts ascend.
  explicit RowGroups(std::vector<size_t> starts = {0});

  size_t n_groups() const noexcept { return starts_.size() - 1; }
  // The group of rows that have none yet.
  size_t unplaced() const noexcept { return n_groups(); }
  const std::vector<size_t>& starts() const noexcept { return starts_; }
  size_t n_ordered() const noexcept { return starts_.back(); }
  size_t n_loose() const noexcept { return tail_groups_.size() + misplaced_.size(); }
  // No row from here on has a group.
  size_t n_known() const noexcept { return n_ordered() + tail_groups_.size(); }
  uint32_t group_of(size_t row) const noexcept;
  // The group in whose place this ordered row stands.
  uint32_t group_of_place(size_t row) const noexcept;
  // The same, sooner where that is the group `near` or not far behind it.
  uint32_t group_of_place(size_t row, size_t near) const noexcept;

  // Calls use(first, last) for the ranges of rows that stand in the place of this group and belong
  // to it, in an index of n_rows rows.
  template <class Use>
  void for_each_range(size_t group, size_t n_rows, Use use) const;
  // The rows of a group in an index of n_rows rows.
  size_t count_rows(size_t group, size_t n_rows) const;
  // Its other rows, in no order.
  const std::vector<uint32_t>& loose(size_t group) const noexcept { return loose_[group]; }

  // The row behind the known ones belongs to this group. Throws std::bad_alloc, and then nothing
  // has changed.
  void append(uint32_t group);
  // A known row belongs to this group from now on. Throws std::bad_alloc, and then it is in the one
  // that it was in.
  void move(uint32_t row, uint32_t group);
  // Lists a known row one by one, in the group that it is in.
  void loosen(uint32_t row);
  // Makes room for n rows in these groups. After it, to append them, or to move loose rows there,
  // cannot fail.
  void reserve(const uint32_t* groups, size_t n);

  // No row has a group any more; the groups stay.
  void forget_rows() noexcept;

  // How to put n_rows rows in order again, those for which `keep` is true; rows without a group
  // come last.
  RowOrder order(size_t n_rows, const std::function<bool(size_t)>& keep) const;
  // Row i is what was row kept[i]; kept ascends.
  void keep(const std::vector<uint32_t>& kept) noexcept;

  size_t memory_bytes() const noexcept;

 private:
  void forget_loose(uint32_t row, size_t group) noexcept;
  bool is_loose(uint32_t row) const { return row >= n_ordered() || misplaced_.count(row) > 0; }

  std::vector<size_t> starts_;
  std::vector<uint32_t> tail_groups_;         // of the rows from n_ordered() on
  std::map<uint32_t, uint32_t> misplaced_;    // loose row before n_ordered(), its group
  std::vector<std::vector<uint32_t>> loose_;  // by group
};

template <class Use>
void RowGroups::for_each_range(size_t group, size_t n_rows, Use use) const {
  if (group == unplaced()) {
    if (n_known() < n_rows) use(n_known(), n_rows);
    return;
  }
  size_t first = starts_[group];
  const size_t last = starts_[group + 1];
  auto next = misplaced_.lower_bound(static_cast<uint32_t>(first));
  for (; next != misplaced_.end() && next->first < last; ++next) {
    if (first < next->first) use(first, size_t{next->first});
    first = size_t{next->first} + 1;
  }
  if (first < last) use(first, last);
}

}  // namespace bitindex
