// Rows that are ranked for many queries, arranged for that: their words side by side, and, where
// they are many, rows that are near each other in one region, so that a query counts only those of
// the regions around it.
#pragma once

#include <cstdint>
#include <vector>

#include "codes/row_groups.h"
#include "scan/word_blocks.h"

namespace bitindex {

class RankedRows {
 public:
  // None yet, of codes of n_bytes bytes.
  explicit RankedRows(size_t n_bytes) : n_bytes_(n_bytes), words_(n_bytes), regions_(n_bytes) {}

  // These rows, of which every query counts all.
  void take(const uint8_t* codes, size_t n);
  // These rows by regions, each with a code that stands for its rows. Of the regions nearest to a
  // query, those that hold n_near rows hold its nearest row nearly always.
  void take(const uint8_t* codes, const RowOrder& regions, const uint8_t* region_codes,
            size_t n_near);

  size_t n_bytes() const noexcept { return n_bytes_; }
  size_t n_rows() const noexcept { return words_.n_rows(); }
  size_t n_blocks() const noexcept { return words_.n_blocks(); }
  size_t memory_bytes() const noexcept;
  const WordBlocks& words() const noexcept { return words_; }
  // Which row stands at a place of the blocks.
  uint32_t row_at(size_t place) const noexcept {
    return rows_.empty() ? static_cast<uint32_t>(place) : rows_[place];
  }

  size_t n_near() const noexcept { return n_near_; }
  size_t n_regions() const noexcept { return regions_.n_rows(); }
  // Their codes, as rows.
  const WordBlocks& regions() const noexcept { return regions_; }
  size_t region_size(size_t region) const noexcept { return starts_[region + 1] - starts_[region]; }
  // The blocks that hold its rows, the first and last one perhaps others too.
  size_t first_block(size_t region) const noexcept { return starts_[region] / kWordRows; }
  size_t end_block(size_t region) const noexcept {
    return (starts_[region + 1] + kWordRows - 1) / kWordRows;
  }

 private:
  size_t n_bytes_;
  size_t n_near_ = 0;
  WordBlocks words_;
  WordBlocks regions_;
  std::vector<uint32_t> rows_;  // by place; none where they stand as they came
  std::vector<size_t> starts_;  // places of the regions
};

}  // namespace bitindex
