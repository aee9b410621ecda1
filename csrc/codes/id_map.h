// Which id each row has, and which row each id has.
//
// Costs nothing while ids are row numbers, 8 bytes a row while they ascend with the rows (binary
// search), and a hash table of 4-byte row numbers on top of that once they do not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/prefetch.h"

namespace bitindex {

class IdMap {
 public:
  static constexpr int64_t kNoRow = -1;

  size_t n_rows() const noexcept { return n_rows_; }
  int64_t id(size_t row) const noexcept {
    return explicit_ ? ids_[row] : static_cast<int64_t>(row);
  }
  // Asks for the memory of a row's id, which will be wanted soon.
  void prefetch(size_t row) const noexcept {
    if (explicit_) prefetch_bytes(&ids_[row], sizeof ids_[row]);
  }
  // Whether ids are row numbers.
  bool are_row_numbers() const noexcept { return !explicit_; }
  // The row of an id, or kNoRow.
  int64_t find(int64_t id) const noexcept;
  // Whether ids ascend with rows, so that the smaller of two ids is the smaller row.
  bool ascending() const noexcept { return slots_.empty(); }
  // Of ascending ids: the first row whose id is at least this one.
  size_t first_row_from(int64_t id) const noexcept;
  // One more than the largest id that was ever here.
  int64_t next_id() const noexcept { return next_id_; }

  size_t memory_bytes() const noexcept {
    return ids_.capacity() * sizeof(int64_t) + slots_.capacity() * sizeof(uint32_t);
  }

  // Makes room; after it, the append of the same ids cannot fail. ids may be null: the next free.
  void reserve(const int64_t* ids, size_t n);
  void append(const int64_t* ids, size_t n) noexcept;
  // Keeps the given rows, which ascend. Throws std::bad_alloc, and then nothing has changed.
  void keep(const std::vector<uint32_t>& rows);
  // Row i becomes what is row rows[i] now; other rows go. Throws std::bad_alloc, and then nothing
  // has changed.
  void reorder(const std::vector<uint32_t>& rows);
  // Takes over saved ids (null: row numbers). Of rows with the same id, find gives the first.
  void restore(const int64_t* ids, size_t n, int64_t next_id);

 private:
  static constexpr uint32_t kEmpty = 0xffffffffu;

  void make_explicit(size_t room);
  // Room for so many rows; what was in the slots is lost.
  void size_slots(size_t n_rows);
  void fill_slots() noexcept;
  // Where the search for an id begins: Fibonacci hashing, which spreads consecutive and strided ids
  // alike (Knuth, TAOCP vol. 3, section 6.4).
  size_t slot_of(int64_t id) const noexcept;
  void insert_slot(uint32_t row) noexcept;
  bool continues_row_numbers(const int64_t* ids, size_t n) const noexcept;
  bool continues_ascending(const int64_t* ids, size_t n) const noexcept;

  size_t n_rows_ = 0;
  int64_t next_id_ = 0;
  bool explicit_ = false;
  std::vector<int64_t> ids_;
  std::vector<uint32_t> slots_;  // open addressing, linear probing; empty while ids ascend
  unsigned slot_shift_ = 0;      // 64 - log2 of the number of slots
};

}  // namespace bitindex
