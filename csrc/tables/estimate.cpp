#include "tables/estimate.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bitindex {
namespace {

constexpr float kMaxEntry = 255.0f;

}  // namespace

float EstimateScore::limit_before_constant(size_t q, float limit) const {
  if (terms_.constants == nullptr) return limit;
  // Rounded up twice, for the subtraction in key() and for the sum here, so that no row is lost; the
  // few that pass too many have keys above the limit.
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const double sum = static_cast<double>(std::nextafter(limit, kInfinity)) + terms_.constants[q];
  return std::nextafter(static_cast<float>(sum), kInfinity);
}

WeightScore::WeightScore(const float* weights, size_t n_queries, size_t n_bits, bool big_endian,
                         const EstimateTerms& terms)
    : EstimateScore(n_queries, terms),
      weights_(weights),
      n_bits_(n_bits),
      n_bytes_((n_bits + 7) / 8),
      big_endian_(big_endian) {
  for (size_t q = 0; q < n_queries; ++q) {
    float largest = 0.0f;
    double total = 0.0;
    for (size_t c = 0; c < n_bytes_; ++c)
      for (int half = 0; half < 2; ++half) {
        float nibble = 0.0f;
        for (int bit = 4 * half; bit < 4 * half + 4; ++bit) nibble += std::fabs(weight(q, c, bit));
        largest = std::max(largest, 2.0f * nibble);
        total += nibble;
      }
    // Entry 0 of a nibble stands for -sum |w_j|, so -S = total - step * sum.
    alpha_[q] = -(largest / kMaxEntry);
    gamma_[q] = static_cast<float>(total);
  }
}

float WeightScore::weight(size_t q, size_t byte, int bit) const {
  const size_t j = 8 * byte + static_cast<size_t>(big_endian_ ? 7 - bit : bit);
  return j < n_bits_ ? weights_[q * n_bits_ + j] : 0.0f;
}

void WeightScore::write_table(size_t q, uint8_t* table) const {
  const float step = -alpha_[q];
  // In double, because 1 / step overflows a float where the weights are denormal.
  const double per_step = step > 0.0f ? 1.0 / step : 0.0;
  for (size_t c = 0; c < n_bytes_; ++c)
    for (int half = 0; half < 2; ++half)
      for (int n = 0; n < 16; ++n) {
        float above_least = 0.0f;
        for (int t = 0; t < 4; ++t) {
          const float w = weight(q, c, 4 * half + t);
          if (((n >> t) & 1) == (w > 0.0f)) above_least += 2.0f * std::fabs(w);
        }
        *table++ = static_cast<uint8_t>(std::min<double>(kMaxEntry, above_least * per_step + 0.5));
      }
}

SignScore::SignScore(const uint8_t* queries, const float* magnitudes, size_t n_queries,
                     size_t n_bits, const EstimateTerms& terms)
    : EstimateScore(n_queries, terms), queries_(queries), n_bytes_((n_bits + 7) / 8) {
  // S = magnitude * (bits that agree - bits that differ), so -S = magnitude * (2 * differ -
  // n_bits).
  for (size_t q = 0; q < n_queries; ++q) {
    alpha_[q] = 2.0f * magnitudes[q];
    gamma_[q] = -magnitudes[q] * static_cast<float>(n_bits);
  }
}

}  // namespace bitindex
