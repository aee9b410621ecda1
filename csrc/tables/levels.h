// Distances between vectors of levels, B = 1 to 4 bits a dimension ("symmetric distance
// calculation" of Gan et al., KDD 2023). The bits of a dimension follow each other, the most
// significant first, and their number v stands for the odd level 2v - (2^B - 1).
//
//   sdcB   1 - <q, x> / (|q| |x|)
//
// A level is the sum of +2^p (bit p is set) or -2^p, so <q, x> is a sum over the bits of x alone:
// of +w or -w, w = level of q * 2^p. All of these numbers are whole, and so are the tables exact.
// An index keeps |x| beside each row, except for B = 1, where all rows have the same.
#pragma once

#include <vector>

#include "tables/code_layout.h"
#include "tables/score.h"

namespace bitindex {

// |x| of n_rows codes of B = n_level_bits bits a dimension. Its square rounds back to the whole
// number that it is the root of: at most 15^2 * 65536 / 4 < 2^22.
void level_norms(size_t n_level_bits, const CodeLayout& layout, const uint8_t* codes, size_t n_rows,
                 float* norms);

class LevelScore : public Score {
 public:
  // n_level_bits is 2, 3 or 4; norms[i] is |x| of row i.
  LevelScore(size_t n_level_bits, const CodeLayout& layout, const uint8_t* queries,
             size_t n_queries, const float* norms);

  void write_table(size_t q, uint8_t* table) const override;
  LargestSums largest_sums() const override;
  const float* offsets() const override { return norms_; }
  bool bounds_sums() const override { return true; }
  int32_t sum_bound(size_t q, float limit, float least_offset) const override;
  RowTest row_test(size_t q, float limit) const override;
  float key(size_t q, uint32_t sum, size_t row) const override;

 private:
  // <q, x> = 2 * sum - total.
  struct Query {
    double norm;
    double squared_norm;
    double total;
  };

  size_t n_level_bits_;
  CodeLayout layout_;
  const uint8_t* queries_;
  const float* norms_;
  std::vector<Query> terms_;
};

// One bit a dimension: n_bits - 2h for h bits that differ, so the distance is 2h / n_bits.
class OneBitLevelScore : public Score {
 public:
  OneBitLevelScore(const CodeLayout& layout, const uint8_t* queries)
      : bits_{queries, layout.n_bytes(), false}, n_bits_(static_cast<float>(layout.n_bits)) {}

  const BitCounts* bit_counts() const override { return &bits_; }
  int32_t sum_bound(size_t, float limit, float) const override {
    return whole_bits(most_bits(limit));
  }
  RowTest row_test(size_t, float limit) const override {
    return {1.0f, 0.0f, 0.0f, most_bits(limit), nullptr, nullptr};
  }
  float key(size_t, uint32_t sum, size_t) const override {
    return static_cast<float>(2 * sum) / n_bits_;
  }

 private:
  // The factor covers what is rounded, and is far from one bit more.
  float most_bits(float limit) const { return limit * (n_bits_ / 2.0f) * 1.000001f; }

  BitCounts bits_;
  float n_bits_;
};

}  // namespace bitindex
