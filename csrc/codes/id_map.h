// Which id each row has, and which row each id has.
//
// Costs nothing while ids are row numbers, and 8 bytes a row while they ascend with the rows
// (binary search). Once they do not, a hash table of 4-byte row numbers comes on top of that when
// the first id is looked for: searches need none, and so loading a file does not either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "codes/column.h"
#include "codes/prefetch.h"

namespace bitindex {

class IdMap {
 public:
  static constexpr int64_t kNoRow = -1;

  size_t n_rows() const noexcept { return n_rows_; }
  int64_t id(size_t row) const noexcept {
    return explicit_ ? ids()[row] : static_cast<int64_t>(row);
  }
  // Asks for the memory of a row's id, which will be wanted soon.
  void prefetch(size_t row) const noexcept {
    if (explicit_) prefetch_bytes(ids() + row, sizeof(int64_t));
  }
  // Whether ids are row numbers.
  bool are_row_numbers() const noexcept { return !explicit_; }
  // The row of an id, or kNoRow. Only where can_find().
  int64_t find(int64_t id) const noexcept;
  bool can_find() const noexcept { return ascending_ || !slots_.empty(); }
  // From now on until rows are added or reordered ids can be found. Nobody may look meanwhile.
  // Throws std::bad_alloc.
  void make_findable() const;
  // Whether ids ascend with rows, so that the smaller of two ids is the smaller row.
  bool ascending() const noexcept { return ascending_; }
  // Of ascending ids: the first row whose id is at least this one.
  size_t first_row_from(int64_t id) const noexcept;
  // One more than the largest id that was ever here.
  int64_t next_id() const noexcept { return next_id_; }

  // Memory of its own, in bytes; borrowed ids count as none.
  size_t memory_bytes() const noexcept {
    return ids_.memory_bytes() + slots_.capacity() * sizeof(uint32_t);
  }

  // Makes room; after it, the append of the same ids cannot fail. ids may be null: the next free.
  void reserve(const int64_t* ids, size_t n);
  void append(const int64_t* ids, size_t n) noexcept;
  // Keeps the given rows, which ascend. Throws std::bad_alloc, and then nothing has changed.
  void keep(const std::vector<uint32_t>& rows);
  // Row i becomes what is row rows[i] now; other rows go. Throws std::bad_alloc, and then nothing
  // has changed.
  void reorder(const std::vector<uint32_t>& rows);
  // Takes saved ids (null: row numbers), which are distinct and kept alive by `owner`.
  void restore(const int64_t* ids, size_t n, int64_t next_id,
               const std::shared_ptr<const void>& owner) noexcept;

 private:
  static constexpr uint32_t kEmpty = 0xffffffffu;

  const int64_t* ids() const noexcept { return reinterpret_cast<const int64_t*>(ids_.data()); }
  void append_one(int64_t id) noexcept;
  void make_explicit(size_t room);
  // Room for so many rows; what was in the slots is lost.
  void size_slots(size_t n_rows) const;
  void fill_slots() const noexcept;
  void insert_slot(uint32_t row) const noexcept;
  bool continues_row_numbers(const int64_t* ids, size_t n) const noexcept;

  size_t n_rows_ = 0;
  int64_t next_id_ = 0;
  bool explicit_ = false;
  bool ascending_ = true;
  Column ids_{sizeof(int64_t)};  // empty unless explicit
  // Open addressing, linear probing. Empty while ids ascend, and until one is looked for.
  mutable std::vector<uint32_t> slots_;
  mutable unsigned log2_slots_ = 0;
};

}  // namespace bitindex
