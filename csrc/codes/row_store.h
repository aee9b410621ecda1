// The rows of an index: codes and everything else that goes with a row (popcounts, factors, vectors
// for rescoring), their ids, and marks on removed rows.
//
// A removed row keeps its place until the others are told to move together, in order. Not thread
// safe: Index guards it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "codes/column.h"
#include "codes/id_map.h"

namespace bitindex {

// An id that no row has: KeyError in Python.
struct UnknownId : std::out_of_range {
  explicit UnknownId(int64_t id)
      : std::out_of_range("id " + std::to_string(id) + " is not in the index") {}
};

// Where values of a write go: some replace those of rows, the others make new rows, in their order.
struct RowsWritten {
  size_t first_new;                 // rows from here on are new
  std::vector<uint32_t> replaced;   // rows before that which get new values, in no order
  std::vector<size_t> replaced_by;  // the positions of these values, ascending
};

class RowStore {
 public:
  // One column per width, in bytes; a width of 0 is a column that is not there.
  explicit RowStore(const std::vector<size_t>& widths);

  size_t n_live() const noexcept { return ids_.n_rows() - n_removed_; }
  size_t n_rows() const noexcept { return ids_.n_rows(); }
  size_t n_columns() const noexcept { return columns_.size(); }
  const Column& column(size_t i) const noexcept { return columns_[i]; }
  const IdMap& ids() const noexcept { return ids_; }
  bool is_live(size_t row) const noexcept {
    return n_removed_ == 0 || (removed_[row / 64] >> (row % 64) & 1) == 0;
  }
  bool has_removed_rows() const noexcept { return n_removed_ > 0; }
  // Bit row % 64 of word row / 64 is set where the row was removed; meaningless if none was.
  const std::vector<uint64_t>& removed() const noexcept { return removed_; }

  size_t memory_bytes() const noexcept;

  // Where ids().can_find() only. The row of an id; throws UnknownId.
  uint32_t row_of(int64_t id) const;
  bool contains(int64_t id) const noexcept;

  // A write takes two steps: one of these, which makes room and changes nothing that can be seen,
  // and `write`, which cannot fail. ids may be null: the next free integers.
  //
  // For new rows; a removed id that comes back replaces its old row. Throws std::invalid_argument
  // naming an id that is negative, repeated or taken, and std::length_error beyond 2^32 - 1 rows.
  RowsWritten prepare_add(size_t n, const int64_t* ids);
  // For new values of rows. Throws UnknownId, or std::invalid_argument where an id is repeated.
  RowsWritten prepare_update(size_t n, const int64_t* ids);
  // For rows that are added where their ids are not here, and replaced where they are. Throws as
  // prepare_add, but for taken ids.
  RowsWritten prepare_put(size_t n, const int64_t* ids);
  // values[c] points at n values of column c.
  void write(const RowsWritten& rows, size_t n, const int64_t* ids,
             const std::vector<const void*>& values) noexcept;
  // Makes room for marks on all rows, and lets ids be found. After it, remove cannot fail until
  // rows are added.
  void prepare_remove();
  // Marks the rows with these ids as removed, and returns how many; unknown ids are passed over.
  size_t remove(size_t n, const int64_t* ids);
  // The rows that were not removed, ascending, and the others.
  std::vector<uint32_t> live_rows() const;
  std::vector<uint32_t> removed_rows() const;
  // Whether so many rows are gone that the others should move together.
  bool is_sparse() const noexcept;
  // Drops removed rows, and returns those that were kept: row i was row kept[i] before.
  std::vector<uint32_t> compact();
  // Row i becomes what is row rows[i] now; other rows go, all that were removed among them. Takes
  // as much memory again meanwhile. Throws std::bad_alloc, and then nothing has changed.
  void reorder(const std::vector<uint32_t>& rows);

  // Takes columns that live elsewhere (null: the column is not there), and their ids; `owner` keeps
  // them alive. Throws std::invalid_argument and std::length_error, and then nothing has changed.
  void restore(size_t n, const int64_t* ids, int64_t next_id,
               const std::vector<const uint8_t*>& columns,
               const std::shared_ptr<const void>& owner);

 private:
  enum class Taken { kRefuse, kReplace };  // what becomes of ids that rows have already

  RowsWritten prepare_insert(size_t n, const int64_t* ids, Taken taken);
  // Ids that were removed come back into their old rows, so the order of rows stays that of ids.
  RowsWritten rows_for(size_t n, const int64_t* ids, Taken taken) const;
  void reserve(size_t n_rows);
  void replace(const RowsWritten& rows, const std::vector<const void*>& values) noexcept;
  // Adds the values from `first` to `last`.
  void append(size_t first, size_t last, const int64_t* ids,
              const std::vector<const void*>& values) noexcept;

  std::vector<Column> columns_;
  IdMap ids_;
  std::vector<uint64_t> removed_;  // empty until the first removal
  size_t n_removed_ = 0;
};

}  // namespace bitindex
