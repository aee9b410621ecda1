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

#include "tables/nibbles.h"
#include "tables/score.h"

namespace bitindex {

enum class Overlap { kJaccard, kDice, kCosine };

// The number kept beside a row with this many bits: the popcount, for cosine its square root.
float overlap_row_term(Overlap kind, uint32_t popcount);

class OverlapScore : public Score {
 public:
  // row_terms[i] = overlap_row_term of row i.
  OverlapScore(Overlap kind, const KernelTable& kernels, const uint8_t* queries, size_t n_queries,
               size_t n_bytes, const float* row_terms);

  void write_table(size_t q, uint8_t* table) const override {
    write_bit_table<AndNibbles>(query(q), n_bytes_, table);
  }
  uint32_t max_pair() const override { return kMaxPairOfBits; }
  bool row_sums(const KernelTable& kernels, size_t q, const uint8_t* rows, size_t n_rows,
                uint32_t* sums) const override {
    kernels.and_count_rows(query(q), rows, n_rows, n_bytes_, sums);
    return true;
  }
  const float* offsets() const override { return row_terms_; }
  RowTest row_test(size_t q, float limit) const override;
  float key(size_t q, uint32_t sum, size_t row) const override;

 private:
  const uint8_t* query(size_t q) const { return queries_ + q * n_bytes_; }

  Overlap kind_;
  const uint8_t* queries_;
  size_t n_bytes_;
  const float* row_terms_;
  std::vector<uint32_t> query_sizes_;
};

}  // namespace bitindex
