// Which rows a search may return: a bit per row, made once per call from what the caller allows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/row_store.h"

namespace bitindex {

// What the caller allows, by id.
struct IdFilter {
  enum Kind { kAll, kMask, kList, kRange } kind = kAll;
  const uint8_t* mask = nullptr;  // kMask: mask[id] != 0 is allowed; ids beyond n are not
  const int64_t* list = nullptr;  // kList: n ids; ids that no row has are ignored
  size_t n = 0;
  int64_t start = 0;  // kRange: start, start + step, ... below stop; step >= 1
  int64_t stop = 0;
  int64_t step = 1;
};

class RowFilter {
 public:
  // Removed rows are never allowed.
  RowFilter(const RowStore& store, const IdFilter& filter);

  // Of every so many allowed rows one, at random.
  static constexpr size_t kSampleShare = 32;
  RowFilter sample(size_t n_rows) const;

  // Of these rows, which are below n_rows, those that are allowed.
  RowFilter only(const std::vector<uint32_t>& rows, size_t n_rows) const;

  // Whether every row is allowed; then nothing else here may be asked.
  bool allows_all() const noexcept { return words_.empty(); }
  size_t n_allowed() const noexcept { return n_allowed_; }

  bool allows(size_t row) const noexcept { return (words_[row / 64] >> (row % 64) & 1) != 0; }
  // The first allowed row of [first, last), or `last`.
  size_t next_row(size_t first, size_t last) const noexcept;
  // How many of the rows [first, last) are allowed.
  size_t count(size_t first, size_t last) const noexcept;
  // Writes the next allowed rows of [first, last), at most `room` of them, and returns how many;
  // moves `first` behind the last row that it looked at.
  size_t next_rows(size_t& first, size_t last, size_t room, uint32_t* rows) const noexcept;

 private:
  RowFilter() = default;
  void allow(size_t row) noexcept { words_[row / 64] |= uint64_t{1} << (row % 64); }
  void allow_list(const IdMap& ids, const IdFilter& filter);
  void allow_mask(const IdMap& ids, const IdFilter& filter);
  void allow_range(const IdMap& ids, const IdFilter& filter);
  // The word that holds this row and the 63 behind it.
  uint64_t word_from(size_t row) const noexcept { return words_[row / 64] >> (row % 64); }

  std::vector<uint64_t> words_;
  size_t n_allowed_ = 0;
};

}  // namespace bitindex
