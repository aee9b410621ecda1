// Estimated similarities of a query and the embeddings behind the codes:
//
//   similarity = scale_i * S + offset_i + constant_q,   S = sum over bits of +w_j (bit set) or
//   -w_j,
//
// with the numbers scale_i (1 if not stored) and offset_i (0 if not stored) kept beside each code,
// and a constant of the query. The constant is part of the key, so that similarities that are equal
// in float32 tie. The key is minus the similarity.
#pragma once

#include <vector>

#include "tables/code_layout.h"
#include "tables/score.h"

namespace bitindex {

// What an estimate adds to S; each may be null.
struct EstimateTerms {
  const float* scales;     // of the rows
  const float* offsets;    // of the rows
  const float* constants;  // of the queries
};

class EstimateScore : public Score {
 public:
  const float* scales() const override { return terms_.scales; }
  const float* offsets() const override { return terms_.offsets; }
  // A row's own scale and offset make any sum possible.
  bool bounds_sums() const override { return scales() == nullptr && offsets() == nullptr; }
  RowTest row_test(size_t q, float limit) const override {
    return {alpha_[q], gamma_[q], -1.0f, limit_before_constant(q, limit), nullptr, nullptr};
  }
  // The operations of RowTest in their order, so that test and key agree to the last bit; then the
  // constant.
  float key(size_t q, uint32_t sum, size_t row) const override {
    float value = alpha_[q] * static_cast<float>(sum) + gamma_[q];
    if (terms_.scales != nullptr) value *= terms_.scales[row];
    if (terms_.offsets != nullptr) value += -1.0f * terms_.offsets[row];
    if (terms_.constants != nullptr) value -= terms_.constants[q];
    return value;
  }

 protected:
  EstimateScore(size_t n_queries, const EstimateTerms& terms)
      : alpha_(n_queries), gamma_(n_queries), terms_(terms) {}

  std::vector<float> alpha_;  // -S = alpha * sum + gamma
  std::vector<float> gamma_;

  float limit_before_constant(size_t q, float limit) const;

 private:
  EstimateTerms terms_;
};

// A float query: any weights w, quantized with one step per query so that the entries of two
// neighbouring bytes add up to at most 255, and a scan can add them in 8 bits:
// |error of S| <= step / 2 * n_nibbles with step = max over two bytes of 2 * sum |w_j| / 253.
// Weights that are small whole multiples of one number, as levels are, have exact tables.
class WeightScore : public EstimateScore {
 public:
  // weights: n_queries rows of n_bits floats, in the order of the bits.
  WeightScore(const float* weights, size_t n_queries, const CodeLayout& layout,
              const EstimateTerms& terms);

  int32_t sum_bound(size_t q, float limit, float least_offset) const override;
  void write_table(size_t q, uint8_t* table) const override;
  LargestSums largest_sums() const override { return {kMaxSum, kMaxSum}; }

 private:
  static constexpr uint32_t kMaxSum = 255;
  static constexpr uint32_t kNibblesTogether = 4;

  // The weights of the four bits of a nibble, lowest bit first.
  struct Nibble {
    float weights[4];
  };
  Nibble nibble(size_t q, size_t position) const;

  const float* weights_;
  CodeLayout layout_;
};

// A binary query: w_j = +magnitude or -magnitude, exact by counting the bits that differ.
class SignScore : public EstimateScore {
 public:
  SignScore(const uint8_t* queries, const float* magnitudes, size_t n_queries, size_t n_bits,
            const EstimateTerms& terms);

  const BitCounts* bit_counts() const override { return &bits_; }
  int32_t sum_bound(size_t q, float limit, float least_offset) const override;
  void write_table(size_t q, uint8_t* table) const override;
  LargestSums largest_sums() const override { return {8, 16}; }

 private:
  BitCounts bits_;
};

}  // namespace bitindex
