// The inner loops of the scan: a tile of rows, small enough for the first-level cache, against the
// queries of a group.
#pragma once

#include <algorithm>
#include <vector>

#include "codes/aligned.h"
#include "scan/scan.h"
#include "scan/thread_pool.h"

namespace bitindex {

// The tables of a batch of queries.
class QueryTables {
 public:
  QueryTables(const Scan& scan, const Score& score, size_t first_query, size_t n_queries);

  const Score& score() const noexcept { return score_; }
  // Queries are numbered within the batch here and from `first_query` on in the score.
  size_t number_in_score(size_t q) const noexcept { return first_query_ + q; }
  // Null where the score counts bits of rows faster than tables would.
  const uint8_t* table(size_t q) const noexcept {
    return tables_ ? tables_.get() + q * table_bytes_ : nullptr;
  }
  bool has_tables() const noexcept { return tables_ != nullptr; }

 private:
  const Score& score_;
  size_t first_query_;
  size_t table_bytes_;
  AlignedBytes tables_;
};

// Some rows, next to each other in memory, with what is stored beside them.
class Tile {
 public:
  Tile(const Scan& scan, const Score& score, bool transposed);

  // Takes the next allowed rows of [first, last) and moves `first` behind them. Returns false when
  // there are none left.
  bool load(size_t& first, size_t last);
  // Looks at the loaded rows for one query of the batch.
  template <class Collector>
  void collect(const QueryTables& tables, size_t q, Collector& collector);

 private:
  void gather(const uint32_t* rows);

  const Scan& scan_;
  const Score& score_;
  size_t n_bytes_;
  bool transposed_;
  size_t capacity_;  // rows
  size_t n_ = 0;
  size_t first_row_ = 0;          // of contiguous rows
  std::vector<uint32_t> listed_;  // of rows that a filter picked
  const uint8_t* codes_ = nullptr;
  const float* scales_ = nullptr;
  const float* offsets_ = nullptr;
  std::vector<uint8_t> gathered_codes_;
  std::vector<float> gathered_scales_;
  std::vector<float> gathered_offsets_;
  AlignedBytes blocks_;
  std::vector<uint32_t> sums_;
  std::vector<uint32_t> positions_;
};

template <class Collector>
void Tile::collect(const QueryTables& tables, size_t q, Collector& collector) {
  const size_t query = tables.number_in_score(q);
  if (transposed_) {
    const size_t block_rows = scan_.kernels.block_rows;
    scan_.kernels.table_sums(blocks_.get(), (n_ + block_rows - 1) / block_rows, n_bytes_,
                             tables.table(q), score_.max_pair(), sums_.data());
  } else {
    score_.row_sums(scan_.kernels, query, codes_, n_, sums_.data());
  }
  RowTest test = score_.row_test(query, collector.limit());
  test.scale = scales_;
  test.offset = offsets_;
  const size_t n_found = scan_.kernels.select_rows(sums_.data(), n_, test, positions_.data());
  for (size_t i = 0; i < n_found; ++i) {
    const uint32_t position = positions_[i];
    const size_t row = listed_.empty() ? first_row_ + position : listed_[position];
    collector.push(score_.key(query, sums_[position], row), static_cast<uint32_t>(row));
  }
}

// collectors[i] belongs to query first_query + i of the batch.
template <class Collector>
void scan_rows(const Scan& scan, const QueryTables& tables, size_t first_query, size_t first_row,
               size_t last_row, std::vector<Collector>& collectors) {
  Tile tile(scan, tables.score(), tables.has_tables());
  while (!scan.cancel.stopped() && tile.load(first_row, last_row))
    for (size_t i = 0; i < collectors.size(); ++i)
      tile.collect(tables, first_query + i, collectors[i]);
}

}  // namespace bitindex
