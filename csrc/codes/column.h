// One value of fixed width for every row, back to back in memory: the row-major storage that files,
// NumPy and the scan share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace bitindex {

class Column {
 public:
  explicit Column(size_t width) : width_(width) {}

  size_t width() const noexcept { return width_; }
  size_t n_rows() const noexcept { return n_rows_; }
  const uint8_t* data() const noexcept { return data_; }
  const uint8_t* row(size_t i) const noexcept { return data_ + i * width_; }
  // Null where rows have no value here.
  const float* floats() const noexcept {
    return width_ == 0 ? nullptr : reinterpret_cast<const float*>(data_);
  }

  // Memory of its own, in bytes; borrowed rows count as none.
  size_t memory_bytes() const noexcept { return capacity_ * width_; }

  // Makes room for n_rows rows in memory of its own. After it, append and set cannot fail.
  void reserve(size_t n_rows);
  void append(const void* values, size_t n) noexcept;
  void set(size_t row, const void* value) noexcept;
  // Keeps the given rows, which ascend, and drops the others.
  void keep(const std::vector<uint32_t>& rows) noexcept;
  // Drops all rows behind the first n.
  void truncate(size_t n) noexcept { n_rows_ = n < n_rows_ ? n : n_rows_; }
  // A column in memory of its own whose row i is row rows[i] of this one.
  Column gathered(const std::vector<uint32_t>& rows) const;

  // Takes n_rows rows that live elsewhere, kept alive by `owner`; the first reserve copies them.
  void borrow(const uint8_t* data, size_t n_rows, std::shared_ptr<const void> owner) noexcept;

 private:
  size_t width_;
  size_t n_rows_ = 0;
  size_t capacity_ = 0;  // rows; 0 while the rows are borrowed
  uint8_t* data_ = nullptr;
  std::shared_ptr<const void> memory_;
};

// Copies the rows at n positions behind `rows`, whose width is in bytes.
inline void copy_rows(const uint8_t* rows, size_t width, const uint32_t* positions, size_t n,
                      uint8_t* copies) noexcept {
  for (size_t i = 0; i < n; ++i)
    std::memcpy(copies + i * width, rows + positions[i] * width, width);
}

}  // namespace bitindex
