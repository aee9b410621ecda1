// Hamming distance: the number of bits that differ.
#pragma once

#include "tables/nibbles.h"
#include "tables/score.h"

namespace bitindex {

class HammingScore : public Score {
 public:
  HammingScore(const uint8_t* queries, size_t n_bytes) : queries_(queries), n_bytes_(n_bytes) {}

  void write_table(size_t q, uint8_t* table) const override {
    write_bit_table<XorNibbles>(query(q), n_bytes_, table);
  }
  uint32_t max_pair() const override { return kMaxPairOfBits; }
  bool row_sums(const KernelTable& kernels, size_t q, const uint8_t* rows, size_t n_rows,
                uint32_t* sums) const override {
    kernels.xor_count_rows(query(q), rows, n_rows, n_bytes_, sums);
    return true;
  }
  RowTest row_test(size_t, float limit) const override {
    return {1.0f, 0.0f, 0.0f, limit, nullptr, nullptr};
  }
  float key(size_t, uint32_t sum, size_t) const override { return static_cast<float>(sum); }

 protected:
  const uint8_t* query(size_t q) const { return queries_ + q * n_bytes_; }

 private:
  const uint8_t* queries_;
  size_t n_bytes_;
};

}  // namespace bitindex
