// The inner loops of the scan: a tile of rows, small enough for the first-level cache, against the
// queries of a group.
#pragma once

#include <vector>

#include "codes/aligned.h"
#include "scan/query_plan.h"

namespace bitindex {

// Some rows, next to each other in memory, with what is stored beside them.
class Tile {
 public:
  Tile(const Scan& scan, const QueryPlan& plan);

  // Takes the next allowed rows of [first, last) and moves `first` behind them. Returns false when
  // there are none left.
  bool load(size_t& first, size_t last);

  // Looks at the loaded rows for queries [first_query, last_query) of the batch; collectors[i]
  // belongs to query first_query + i. first_query is even.
  template <class Collector>
  void collect(size_t first_query, size_t last_query, std::vector<Collector>& collectors);

 private:
  void gather(const uint32_t* rows);
  void prepare();
  bool is_sliced() const noexcept { return n_ >= min_sliced_rows_; }
  SliceTest slice_test(size_t q, float limit) const;
  // The sums of the loaded rows for one query.
  void sum_rows(size_t q);
  // The same for a pair of queries, where a block of rows may hold some within the limits.
  void count_slices(size_t q, const SliceTest* tests);
  template <class Collector>
  void push_passing(size_t q, const uint32_t* sums, size_t first, size_t n, Collector& collector);

  const Scan& scan_;
  const QueryPlan& plan_;
  const Score& score_;
  size_t n_bytes_;
  size_t block_rows_;  // of the method's blocks
  size_t capacity_;    // rows
  size_t min_sliced_rows_;
  size_t n_ = 0;
  size_t first_row_ = 0;          // of contiguous rows
  std::vector<uint32_t> listed_;  // of rows that a filter picked
  const uint8_t* codes_ = nullptr;
  const float* scales_ = nullptr;
  const float* offsets_ = nullptr;
  float least_offset_ = 0.0f;
  std::vector<uint8_t> gathered_codes_;
  std::vector<float> gathered_scales_;
  std::vector<float> gathered_offsets_;
  AlignedBytes blocks_;
  std::vector<uint32_t> sums_[2];
  std::vector<uint8_t> passed_[2];  // for each block
  std::vector<uint32_t> positions_;
};

template <class Collector>
void Tile::push_passing(size_t q, const uint32_t* sums, size_t first, size_t n,
                        Collector& collector) {
  const size_t query = plan_.number_in_score(q);
  RowTest test = score_.row_test(query, collector.limit());
  test.scale = scales_ == nullptr ? nullptr : scales_ + first;
  test.offset = offsets_ == nullptr ? nullptr : offsets_ + first;
  const size_t n_found = scan_.kernels.select_rows(sums, n, test, positions_.data());
  for (size_t i = 0; i < n_found; ++i) {
    const size_t position = first + positions_[i];
    const size_t row = listed_.empty() ? first_row_ + position : listed_[position];
    collector.push(score_.key(query, sums[positions_[i]], row), static_cast<uint32_t>(row));
  }
}

template <class Collector>
void Tile::collect(size_t first_query, size_t last_query, std::vector<Collector>& collectors) {
  if (!is_sliced()) {
    for (size_t q = first_query; q < last_query; ++q) {
      sum_rows(q);
      push_passing(q, sums_[0].data(), 0, n_, collectors[q - first_query]);
    }
    return;
  }
  for (size_t q = first_query; q < last_query; q += 2) {
    const size_t n_here = plan_.pair(q).slices.n_queries;
    SliceTest tests[2];
    for (size_t j = 0; j < n_here; ++j)
      tests[j] = slice_test(q + j, collectors[q + j - first_query].limit());
    count_slices(q, tests);
    for (size_t j = 0; j < n_here; ++j)
      for (size_t first = 0; first < n_; first += block_rows_)
        if (passed_[j][first / block_rows_] != 0)
          push_passing(q + j, sums_[j].data() + first, first, std::min(block_rows_, n_ - first),
                       collectors[q + j - first_query]);
  }
}

}  // namespace bitindex
