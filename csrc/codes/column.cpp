#include "codes/column.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "codes/aligned.h"

namespace bitindex {

void Column::reserve(size_t n_rows) {
  if (n_rows <= capacity_ || width_ == 0) return;
  // Memory grows by half, so that a million small additions copy each row only a few times.
  const size_t capacity = capacity_ == 0 ? n_rows : std::max(n_rows, capacity_ + capacity_ / 2);
  if (capacity > std::numeric_limits<size_t>::max() / width_) throw std::bad_alloc();
  std::shared_ptr<uint8_t> grown = make_aligned(capacity * width_);
  if (n_rows_ > 0) std::memcpy(grown.get(), data_, n_rows_ * width_);
  data_ = grown.get();
  memory_ = std::move(grown);
  capacity_ = capacity;
}

void Column::append(const void* values, size_t n) noexcept {
  if (n * width_ > 0) std::memcpy(data_ + n_rows_ * width_, values, n * width_);
  n_rows_ += n;
}

void Column::set(size_t row, const void* value) noexcept {
  if (width_ > 0) std::memcpy(data_ + row * width_, value, width_);
}

void Column::keep(const std::vector<uint32_t>& rows) noexcept {
  for (size_t to = 0; to < rows.size(); ++to)
    if (rows[to] != to && width_ > 0)
      std::memcpy(data_ + to * width_, data_ + rows[to] * width_, width_);
  n_rows_ = rows.size();
}

Column Column::gathered(const std::vector<uint32_t>& rows) const {
  Column column(width_);
  column.reserve(rows.size());
  for (const uint32_t from : rows) column.append(row(from), 1);
  return column;
}

void Column::borrow(const uint8_t* data, size_t n_rows,
                    std::shared_ptr<const void> owner) noexcept {
  // Never written through: capacity_ = 0 makes reserve copy before the first change.
  data_ = const_cast<uint8_t*>(data);
  n_rows_ = n_rows;
  capacity_ = 0;
  memory_ = std::move(owner);
}

}  // namespace bitindex
