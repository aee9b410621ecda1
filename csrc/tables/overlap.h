// Distances between sets of bits: all are functions of the overlap s = popcount(a and b) and of the
// two popcounts. An index keeps one number a row for them, its "set size".
//
//   jaccard  (|a| + |b| - 2s) / (|a| + |b| - s)      = 1 - Tanimoto similarity
//   dice     (|a| + |b| - 2s) / (|a| + |b|)
//   cosine   1 - s / sqrt(|a| |b|)
//
// Two empty sets are equal: distance 0. One empty set is at distance 1 from all others.
#pragma once

#include <vector>

#include "tables/score.h"

namespace bitindex {

enum class Overlap { kJaccard, kDice, kCosine };

// The number kept beside each row of this popcount: the same, for cosine the square root of it.
float overlap_row_term(Overlap kind, size_t row_size) noexcept;
// The popcount from that number.
double overlap_row_size(Overlap kind, float term) noexcept;
void overlap_row_terms(Overlap kind, const KernelTable& kernels, const uint8_t* codes,
                       size_t n_rows, size_t n_bytes, float* terms);

class OverlapScore : public Score {
 public:
  // row_terms as overlap_row_terms gives them.
  OverlapScore(Overlap kind, const KernelTable& kernels, const uint8_t* queries, size_t n_queries,
               size_t n_bytes, const float* row_terms);

  const BitCounts* bit_counts() const override { return &bits_; }
  int32_t sum_bound(size_t q, float limit, float least_offset) const override;
  const float* offsets() const override { return row_terms_; }
  RowTest row_test(size_t q, float limit) const override;
  float key(size_t q, uint32_t sum, size_t row) const override;

  float least_key(size_t q, SizeRange sizes) const override;
  // The first and the last size whose least key is within the limit, and that of the query.
  SizeRange sizes_within(size_t q, float limit) const override;
  int32_t most_different(size_t q, float limit, SizeRange sizes) const override;

  size_t query_size(size_t q) const noexcept { return query_sizes_[q]; }

 private:
  float least_key_of_size(size_t q, size_t row_size) const;
  float key_of(size_t q, uint32_t sum, double row_size) const;

  Overlap kind_;
  BitCounts bits_;
  const float* row_terms_;
  std::vector<uint32_t> query_sizes_;
};

}  // namespace bitindex
