#include "codes/row_store.h"

#include <algorithm>
#include <functional>

namespace bitindex {
namespace {

constexpr size_t kMaxRows = 0xfffffffeu;  // rows are numbered with 32 bits

void check_range(const int64_t* ids, size_t n) {
  if (n == 0) return;
  const auto [least, largest] = std::minmax_element(ids, ids + n);
  if (*least < 0) throw std::invalid_argument("ids must be >= 0, got " + std::to_string(*least));
  if (*largest == INT64_MAX)
    throw std::invalid_argument("ids must be < 2**63 - 1, got " + std::to_string(INT64_MAX));
}

void check_distinct(const int64_t* ids, size_t n) {
  if (std::adjacent_find(ids, ids + n, std::greater_equal<>()) == ids + n) return;  // they ascend
  std::vector<int64_t> sorted(ids, ids + n);
  std::sort(sorted.begin(), sorted.end());
  const auto repeated = std::adjacent_find(sorted.begin(), sorted.end());
  if (repeated != sorted.end())
    throw std::invalid_argument("ids must be distinct, got id " + std::to_string(*repeated) +
                                " more than once");
}

}  // namespace

RowStore::RowStore(const std::vector<size_t>& widths) {
  for (const size_t width : widths) columns_.emplace_back(width);
}

size_t RowStore::memory_bytes() const noexcept {
  size_t total = ids_.memory_bytes() + removed_.capacity() * sizeof(uint64_t);
  for (const Column& column : columns_) total += column.memory_bytes();
  return total;
}

uint32_t RowStore::row_of(int64_t id) const {
  const int64_t row = ids_.find(id);
  if (row == IdMap::kNoRow || !is_live(static_cast<size_t>(row))) throw UnknownId(id);
  return static_cast<uint32_t>(row);
}

bool RowStore::contains(int64_t id) const noexcept {
  const int64_t row = ids_.find(id);
  return row != IdMap::kNoRow && is_live(static_cast<size_t>(row));
}

void RowStore::reserve(size_t n_rows) {
  for (Column& column : columns_) column.reserve(n_rows);
  if (!removed_.empty()) removed_.resize((n_rows + 63) / 64);
}

void RowStore::set_row(size_t row, size_t from, const std::vector<const void*>& values) noexcept {
  for (size_t c = 0; c < columns_.size(); ++c)
    columns_[c].set(row, static_cast<const uint8_t*>(values[c]) + from * columns_[c].width());
}

RowsWritten RowStore::add(size_t n, const int64_t* ids, const std::vector<const void*>& values) {
  return insert(n, ids, values, Taken::kRefuse);
}

RowsWritten RowStore::put(size_t n, const int64_t* ids, const std::vector<const void*>& values) {
  return insert(n, ids, values, Taken::kReplace);
}

RowsWritten RowStore::insert(size_t n, const int64_t* ids, const std::vector<const void*>& values,
                             Taken taken) {
  // Ids that were removed come back into their old rows, so the order of rows stays that of ids.
  std::vector<std::pair<uint32_t, size_t>> old_rows;  // row, position in the input
  if (ids != nullptr) {
    check_range(ids, n);
    check_distinct(ids, n);
    for (size_t i = 0; i < n; ++i) {
      const int64_t row = ids_.find(ids[i]);
      if (row == IdMap::kNoRow) continue;
      if (taken == Taken::kRefuse && is_live(static_cast<size_t>(row)))
        throw std::invalid_argument("id " + std::to_string(ids[i]) + " is already in the index");
      old_rows.emplace_back(static_cast<uint32_t>(row), i);
    }
  } else if (static_cast<uint64_t>(ids_.next_id()) > static_cast<uint64_t>(INT64_MAX) - n) {
    throw std::invalid_argument("no free ids are left after " + std::to_string(ids_.next_id() - 1));
  }
  const size_t n_new = n - old_rows.size();
  if (n_new > kMaxRows - n_rows())
    throw std::length_error("an index holds at most " + std::to_string(kMaxRows) + " rows");

  RowsWritten written = {n_rows(), {}};
  for (const auto& [row, position] : old_rows) written.replaced.push_back(row);
  reserve(n_rows() + n_new);
  if (old_rows.empty()) {
    ids_.reserve(ids, n);
    ids_.append(ids, n);
    for (size_t c = 0; c < columns_.size(); ++c) columns_[c].append(values[c], n);
    return written;
  }
  std::vector<int64_t> new_ids;
  std::vector<size_t> new_positions;
  auto next_old = old_rows.begin();
  for (size_t i = 0; i < n; ++i) {
    if (next_old != old_rows.end() && next_old->second == i) {
      ++next_old;
    } else {
      new_ids.push_back(ids[i]);
      new_positions.push_back(i);
    }
  }
  ids_.reserve(new_ids.data(), new_ids.size());
  for (const auto& [row, position] : old_rows) {
    set_row(row, position, values);
    if (is_live(row)) continue;
    removed_[row / 64] &= ~(uint64_t{1} << (row % 64));
    --n_removed_;
  }
  ids_.append(new_ids.data(), new_ids.size());
  for (const size_t position : new_positions)
    for (size_t c = 0; c < columns_.size(); ++c)
      columns_[c].append(static_cast<const uint8_t*>(values[c]) + position * columns_[c].width(),
                         1);
  return written;
}

RowsWritten RowStore::update(size_t n, const int64_t* ids, const std::vector<const void*>& values) {
  check_distinct(ids, n);
  std::vector<uint32_t> rows(n);
  for (size_t i = 0; i < n; ++i) rows[i] = row_of(ids[i]);
  reserve(n_rows());
  for (size_t i = 0; i < n; ++i) set_row(rows[i], i, values);
  return {n_rows(), std::move(rows)};
}

void RowStore::reserve_marks() {
  if (removed_.empty()) removed_.resize((n_rows() + 63) / 64);
}

size_t RowStore::remove(size_t n, const int64_t* ids) {
  reserve_marks();
  const size_t n_before = n_removed_;
  for (size_t i = 0; i < n; ++i) {
    const int64_t row = ids_.find(ids[i]);
    if (row == IdMap::kNoRow || !is_live(static_cast<size_t>(row))) continue;
    removed_[static_cast<size_t>(row) / 64] |= uint64_t{1} << (row % 64);
    ++n_removed_;
  }
  return n_removed_ - n_before;
}

bool RowStore::is_sparse() const noexcept {
  constexpr size_t kWorthMoving = 1024;
  return n_removed_ >= kWorthMoving && n_removed_ * 4 >= n_rows();
}

std::vector<uint32_t> RowStore::live_rows() const {
  std::vector<uint32_t> rows;
  rows.reserve(n_live());
  for (size_t row = 0; row < n_rows(); ++row)
    if (is_live(row)) rows.push_back(static_cast<uint32_t>(row));
  return rows;
}

std::vector<uint32_t> RowStore::removed_rows() const {
  std::vector<uint32_t> rows;
  rows.reserve(n_removed_);
  for (size_t row = 0; row < n_rows(); ++row)
    if (!is_live(row)) rows.push_back(static_cast<uint32_t>(row));
  return rows;
}

std::vector<uint32_t> RowStore::compact() {
  std::vector<uint32_t> rows = live_rows();
  reserve(n_rows());
  ids_.keep(rows);
  for (Column& column : columns_) column.keep(rows);
  removed_.clear();
  n_removed_ = 0;
  return rows;
}

void RowStore::reorder(const std::vector<uint32_t>& rows) {
  std::vector<Column> columns;
  columns.reserve(columns_.size());
  for (const Column& column : columns_) columns.push_back(column.gathered(rows));
  ids_.reorder(rows);
  columns_.swap(columns);
  removed_.clear();
  n_removed_ = 0;
}

void RowStore::restore(size_t n, const int64_t* ids, int64_t next_id,
                       const std::vector<const uint8_t*>& columns,
                       const std::shared_ptr<const void>& owner) {
  if (n > kMaxRows)
    throw std::length_error("an index holds at most " + std::to_string(kMaxRows) + " rows");
  if (ids != nullptr) {
    check_range(ids, n);
    check_distinct(ids, n);
  }
  ids_.restore(ids, n, next_id);
  for (size_t c = 0; c < columns_.size(); ++c) columns_[c].borrow(columns[c], n, owner);
  removed_.clear();
  n_removed_ = 0;
}

}  // namespace bitindex
