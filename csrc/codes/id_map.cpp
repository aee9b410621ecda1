#include "codes/id_map.h"

#include <algorithm>
#include <functional>

#include "codes/id_hash.h"

namespace bitindex {

size_t IdMap::first_row_from(int64_t id) const noexcept {
  if (id < 0) return 0;
  if (!explicit_)
    return static_cast<size_t>(std::min<uint64_t>(static_cast<uint64_t>(id), n_rows_));
  return static_cast<size_t>(std::lower_bound(ids(), ids() + n_rows_, id) - ids());
}

int64_t IdMap::find(int64_t id) const noexcept {
  if (!explicit_) return id >= 0 && static_cast<uint64_t>(id) < n_rows_ ? id : kNoRow;
  if (ascending_) {
    const size_t row = first_row_from(id);
    return row < n_rows_ && ids()[row] == id ? static_cast<int64_t>(row) : kNoRow;
  }
  for (size_t slot = id_hash(id, log2_slots_);; slot = (slot + 1) & (slots_.size() - 1)) {
    const uint32_t row = slots_[slot];
    if (row == kEmpty) return kNoRow;
    if (ids()[row] == id) return row;
  }
}

void IdMap::make_findable() const {
  if (can_find()) return;
  size_slots(n_rows_);
  fill_slots();
}

bool IdMap::continues_row_numbers(const int64_t* ids, size_t n) const noexcept {
  if (ids == nullptr) return next_id_ == static_cast<int64_t>(n_rows_);
  for (size_t i = 0; i < n; ++i)
    if (ids[i] != static_cast<int64_t>(n_rows_ + i)) return false;
  return true;
}

void IdMap::reserve(const int64_t* ids, size_t n) {
  if (!explicit_ && continues_row_numbers(ids, n)) return;
  make_explicit(n_rows_ + n);
  if (!slots_.empty() && (n_rows_ + n) * 2 > slots_.size()) {
    size_slots(n_rows_ + n);
    fill_slots();
  }
}

void IdMap::append(const int64_t* ids, size_t n) noexcept {
  if (ids == nullptr && !explicit_) {
    // At once, so that to map a file takes no longer the larger it is.
    n_rows_ += n;
    next_id_ += static_cast<int64_t>(n);
    return;
  }
  for (size_t i = 0; i < n; ++i) append_one(ids == nullptr ? next_id_ : ids[i]);
}

void IdMap::append_one(int64_t id) noexcept {
  ascending_ = ascending_ && (n_rows_ == 0 || id > this->id(n_rows_ - 1));
  if (explicit_) ids_.append(&id, 1);
  if (!slots_.empty()) insert_slot(static_cast<uint32_t>(n_rows_));
  ++n_rows_;
  next_id_ = std::max(next_id_, id + 1);
}

void IdMap::keep(const std::vector<uint32_t>& rows) {
  make_explicit(n_rows_);
  ids_.keep(rows);
  n_rows_ = rows.size();
  if (!slots_.empty()) fill_slots();
}

void IdMap::reorder(const std::vector<uint32_t>& rows) {
  Column ids(sizeof(int64_t));
  ids.reserve(rows.size());
  bool ascending = true;
  int64_t last = -1;
  for (const uint32_t row : rows) {
    const int64_t next = id(row);
    ascending = ascending && next > last;
    ids.append(&next, 1);
    last = next;
  }
  ids_ = std::move(ids);
  n_rows_ = rows.size();
  explicit_ = true;
  ascending_ = ascending;
  if (ascending)
    std::vector<uint32_t>().swap(slots_);
  else if (!slots_.empty())
    fill_slots();
}

void IdMap::restore(const int64_t* ids, size_t n, int64_t next_id,
                    const std::shared_ptr<const void>& owner) noexcept {
  *this = IdMap();
  explicit_ = ids != nullptr && !continues_row_numbers(ids, n);
  if (explicit_) {
    ids_.borrow(reinterpret_cast<const uint8_t*>(ids), n, owner);
    ascending_ = std::adjacent_find(ids, ids + n, std::greater_equal<>()) == ids + n;
  }
  n_rows_ = n;
  next_id_ = next_id;
}

void IdMap::make_explicit(size_t room) {
  ids_.reserve(room);
  if (explicit_) return;
  for (size_t row = 0; row < n_rows_; ++row) {
    const auto id = static_cast<int64_t>(row);
    ids_.append(&id, 1);
  }
  explicit_ = true;
}

void IdMap::size_slots(size_t n_rows) const {
  unsigned log2_slots = 6;
  while (size_t{1} << log2_slots < n_rows * 2) ++log2_slots;
  std::vector<uint32_t> slots(size_t{1} << log2_slots);
  slots_.swap(slots);
  log2_slots_ = log2_slots;
}

void IdMap::fill_slots() const noexcept {
  std::fill(slots_.begin(), slots_.end(), kEmpty);
  for (size_t row = 0; row < n_rows_; ++row) insert_slot(static_cast<uint32_t>(row));
}

void IdMap::insert_slot(uint32_t row) const noexcept {
  size_t slot = id_hash(ids()[row], log2_slots_);
  while (slots_[slot] != kEmpty) slot = (slot + 1) & (slots_.size() - 1);
  slots_[slot] = row;
}

}  // namespace bitindex
