// Hamming distance: the number of bits that differ.
#pragma once

#include "tables/score.h"

namespace bitindex {

class HammingScore : public Score {
 public:
  HammingScore(const uint8_t* queries, size_t n_bytes) : bits_{queries, n_bytes, false} {}

  const BitCounts* bit_counts() const override { return &bits_; }
  int32_t sum_bound(size_t, float limit, float) const override { return whole_bits(limit); }
  RowTest row_test(size_t, float limit) const override {
    return {1.0f, 0.0f, 0.0f, limit, nullptr, nullptr};
  }
  float key(size_t, uint32_t sum, size_t) const override { return static_cast<float>(sum); }

 private:
  BitCounts bits_;
};

}  // namespace bitindex
