#include "codes/row_groups.h"

#include <algorithm>

namespace bitindex {
namespace {

void make_room(std::vector<uint32_t>& rows, size_t n_more) {
  const size_t n = rows.size() + n_more;
  if (n > rows.capacity()) rows.reserve(std::max(n, 2 * rows.size()));
}

}  // namespace

RowOrder order_by_group(const std::vector<uint32_t>& groups, size_t n_groups,
                        const std::function<bool(size_t)>& keep) {
  RowOrder order;
  order.starts.assign(n_groups + 1, 0);
  for (size_t row = 0; row < groups.size(); ++row)
    if (keep(row)) ++order.starts[groups[row] + 1];
  for (size_t group = 0; group < n_groups; ++group) order.starts[group + 1] += order.starts[group];
  order.rows.resize(order.starts.back());
  std::vector<size_t> next(order.starts.begin(), order.starts.end() - 1);
  for (size_t row = 0; row < groups.size(); ++row)
    if (keep(row)) order.rows[next[groups[row]]++] = static_cast<uint32_t>(row);
  return order;
}

RowGroups::RowGroups(std::vector<size_t> starts)
    : starts_(std::move(starts)), loose_(starts_.size()) {}

uint32_t RowGroups::group_of_place(size_t row) const noexcept {
  const auto behind = std::upper_bound(starts_.begin(), starts_.end(), row);
  return static_cast<uint32_t>(behind - starts_.begin() - 1);
}

uint32_t RowGroups::group_of_place(size_t row, size_t near) const noexcept {
  constexpr size_t kSteps = 8;
  if (near >= n_groups() || row < starts_[near]) return group_of_place(row);
  for (size_t group = near; group < std::min(near + kSteps, n_groups()); ++group)
    if (row < starts_[group + 1]) return static_cast<uint32_t>(group);
  return group_of_place(row);
}

uint32_t RowGroups::group_of(size_t row) const noexcept {
  if (row >= n_known()) return static_cast<uint32_t>(unplaced());
  if (row >= n_ordered()) return tail_groups_[row - n_ordered()];
  const auto found = misplaced_.find(static_cast<uint32_t>(row));
  return found == misplaced_.end() ? group_of_place(row) : found->second;
}

size_t RowGroups::count_rows(size_t group, size_t n_rows) const {
  size_t n = loose(group).size();
  for_each_range(group, n_rows, [&](size_t first, size_t last) { n += last - first; });
  return n;
}

void RowGroups::append(uint32_t group) {
  make_room(tail_groups_, 1);
  loose_[group].push_back(static_cast<uint32_t>(n_known()));
  tail_groups_.push_back(group);
}

void RowGroups::loosen(uint32_t row) {
  if (is_loose(row)) return;
  const uint32_t group = group_of_place(row);
  make_room(loose_[group], 1);
  misplaced_[row] = group;
  loose_[group].push_back(row);
}

void RowGroups::move(uint32_t row, uint32_t group) {
  const uint32_t before = group_of(row);
  if (before == group) return;
  loosen(row);
  if (row >= n_ordered()) {
    loose_[group].push_back(row);
    tail_groups_[row - n_ordered()] = group;
  } else if (group == group_of_place(row)) {
    misplaced_.erase(row);
  } else {
    loose_[group].push_back(row);
    misplaced_[row] = group;
  }
  forget_loose(row, before);
}

void RowGroups::reserve(const uint32_t* groups, size_t n) {
  make_room(tail_groups_, n);
  std::vector<uint32_t> sorted(groups, groups + n);
  std::sort(sorted.begin(), sorted.end());
  for (auto first = sorted.begin(); first != sorted.end();) {
    const auto last = std::upper_bound(first, sorted.end(), *first);
    make_room(loose_[*first], static_cast<size_t>(last - first));
    first = last;
  }
}

void RowGroups::forget_loose(uint32_t row, size_t group) noexcept {
  std::vector<uint32_t>& list = loose_[group];
  // From the back, where rows are that came last: those that are only passing through.
  *std::find(list.rbegin(), list.rend(), row) = list.back();
  list.pop_back();
}

void RowGroups::forget_rows() noexcept {
  std::fill(starts_.begin(), starts_.end(), size_t{0});
  tail_groups_.clear();
  misplaced_.clear();
  for (std::vector<uint32_t>& rows : loose_) rows.clear();
}

RowOrder RowGroups::order(size_t n_rows, const std::function<bool(size_t)>& keep) const {
  RowOrder order;
  order.rows.reserve(n_rows);
  const auto add = [&](size_t row) {
    if (keep(row)) order.rows.push_back(static_cast<uint32_t>(row));
  };
  for (size_t group = 0; group <= n_groups(); ++group) {
    order.starts.push_back(order.rows.size());
    for_each_range(group, n_rows, [&](size_t first, size_t last) {
      for (size_t row = first; row < last; ++row) add(row);
    });
    std::vector<uint32_t> rows = loose_[group];
    std::sort(rows.begin(), rows.end());
    for (const uint32_t row : rows) add(row);
  }
  return order;
}

void RowGroups::keep(const std::vector<uint32_t>& kept) noexcept {
  const auto new_row = [&](size_t row) {
    return static_cast<uint32_t>(std::lower_bound(kept.begin(), kept.end(), row) - kept.begin());
  };
  const auto is_kept = [&](uint32_t row) {
    return std::binary_search(kept.begin(), kept.end(), row);
  };
  size_t n_tail = 0;
  for (size_t i = 0; i < tail_groups_.size(); ++i)
    if (is_kept(static_cast<uint32_t>(n_ordered() + i))) tail_groups_[n_tail++] = tail_groups_[i];
  tail_groups_.resize(n_tail);
  for (size_t& start : starts_) start = new_row(start);
  for (std::vector<uint32_t>& rows : loose_) {
    rows.erase(std::remove_if(rows.begin(), rows.end(), [&](uint32_t r) { return !is_kept(r); }),
               rows.end());
    std::transform(rows.begin(), rows.end(), rows.begin(), new_row);
  }
  std::map<uint32_t, uint32_t> misplaced;
  while (!misplaced_.empty()) {
    auto node = misplaced_.extract(misplaced_.begin());
    if (!is_kept(node.key())) continue;
    node.key() = new_row(node.key());
    misplaced.insert(misplaced.end(), std::move(node));
  }
  misplaced_.swap(misplaced);
}

size_t RowGroups::memory_bytes() const noexcept {
  // A node of the map: two numbers, three links and a colour.
  constexpr size_t kNodeBytes = 48;
  size_t n_bytes = starts_.capacity() * sizeof(size_t) + misplaced_.size() * kNodeBytes +
                   tail_groups_.capacity() * sizeof(uint32_t);
  for (const auto& rows : loose_) n_bytes += sizeof rows + rows.capacity() * sizeof(uint32_t);
  return n_bytes;
}

}  // namespace bitindex
