#include "codes/row_store.h"

#include <algorithm>
#include <numeric>

#include "codes/distinct.h"

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
  if (const auto repeated = repeated_id(ids, n))
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

RowsWritten RowStore::prepare_add(size_t n, const int64_t* ids) {
  return prepare_insert(n, ids, Taken::kRefuse);
}

RowsWritten RowStore::prepare_put(size_t n, const int64_t* ids) {
  return prepare_insert(n, ids, Taken::kReplace);
}

RowsWritten RowStore::prepare_insert(size_t n, const int64_t* ids, Taken taken) {
  RowsWritten rows = rows_for(n, ids, taken);
  const size_t n_new = n - rows.replaced.size();
  if (n_new > kMaxRows - n_rows())
    throw std::length_error("an index holds at most " + std::to_string(kMaxRows) + " rows");
  reserve(n_rows() + n_new);
  if (rows.replaced.empty()) {
    ids_.reserve(ids, n);
    return rows;
  }
  std::vector<int64_t> new_ids;
  new_ids.reserve(n_new);
  auto replaced_by = rows.replaced_by.begin();
  for (size_t i = 0; i < n; ++i) {
    if (replaced_by != rows.replaced_by.end() && *replaced_by == i)
      ++replaced_by;
    else
      new_ids.push_back(ids[i]);
  }
  ids_.reserve(new_ids.data(), n_new);
  return rows;
}

RowsWritten RowStore::rows_for(size_t n, const int64_t* ids, Taken taken) const {
  RowsWritten rows = {n_rows(), {}, {}};
  if (ids == nullptr) {
    if (static_cast<uint64_t>(ids_.next_id()) > static_cast<uint64_t>(INT64_MAX) - n)
      throw std::invalid_argument("no free ids are left after " +
                                  std::to_string(ids_.next_id() - 1));
    return rows;
  }
  check_range(ids, n);
  check_distinct(ids, n);
  ids_.make_findable();
  for (size_t i = 0; i < n; ++i) {
    const int64_t row = ids_.find(ids[i]);
    if (row == IdMap::kNoRow) continue;
    if (taken == Taken::kRefuse && is_live(static_cast<size_t>(row)))
      throw std::invalid_argument("id " + std::to_string(ids[i]) + " is already in the index");
    rows.replaced.push_back(static_cast<uint32_t>(row));
    rows.replaced_by.push_back(i);
  }
  return rows;
}

RowsWritten RowStore::prepare_update(size_t n, const int64_t* ids) {
  check_distinct(ids, n);
  ids_.make_findable();
  RowsWritten rows = {n_rows(), std::vector<uint32_t>(n), std::vector<size_t>(n)};
  for (size_t i = 0; i < n; ++i) rows.replaced[i] = row_of(ids[i]);
  std::iota(rows.replaced_by.begin(), rows.replaced_by.end(), size_t{0});
  reserve(n_rows());
  return rows;
}

void RowStore::write(const RowsWritten& rows, size_t n, const int64_t* ids,
                     const std::vector<const void*>& values) noexcept {
  replace(rows, values);
  size_t first = 0;
  for (const size_t position : rows.replaced_by) {
    append(first, position, ids, values);
    first = position + 1;
  }
  append(first, n, ids, values);
}

void RowStore::replace(const RowsWritten& rows, const std::vector<const void*>& values) noexcept {
  for (size_t c = 0; c < columns_.size(); ++c) {
    Column& column = columns_[c];
    if (column.width() == 0) continue;
    const auto* const first = static_cast<const uint8_t*>(values[c]);
    for (size_t i = 0; i < rows.replaced.size(); ++i)
      column.set(rows.replaced[i], first + rows.replaced_by[i] * column.width());
  }
  if (!has_removed_rows()) return;
  for (const uint32_t row : rows.replaced) {
    if (is_live(row)) continue;
    removed_[row / 64] &= ~(uint64_t{1} << (row % 64));
    --n_removed_;
  }
}

void RowStore::append(size_t first, size_t last, const int64_t* ids,
                      const std::vector<const void*>& values) noexcept {
  if (first == last) return;
  ids_.append(ids + first, last - first);
  for (size_t c = 0; c < columns_.size(); ++c)
    columns_[c].append(static_cast<const uint8_t*>(values[c]) + first * columns_[c].width(),
                       last - first);
}

void RowStore::prepare_remove() {
  ids_.make_findable();
  if (removed_.empty()) removed_.resize((n_rows() + 63) / 64);
}

size_t RowStore::remove(size_t n, const int64_t* ids) {
  prepare_remove();
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
  if (ids != nullptr) check_range(ids, n);
  const int64_t largest =
      ids != nullptr && n > 0 ? *std::max_element(ids, ids + n) : static_cast<int64_t>(n) - 1;
  if (next_id <= largest)
    throw std::invalid_argument("next_id must be above every id, got " + std::to_string(next_id) +
                                " with id " + std::to_string(largest));
  if (ids != nullptr) check_distinct(ids, n);
  ids_.restore(ids, n, next_id, owner);
  for (size_t c = 0; c < columns_.size(); ++c) columns_[c].borrow(columns[c], n, owner);
  removed_.clear();
  n_removed_ = 0;
}

}  // namespace bitindex
