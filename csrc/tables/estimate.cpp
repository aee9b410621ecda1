#include "tables/estimate.h"

#include <algorithm>
#include <bitset>
#include <cmath>
#include <limits>

namespace bitindex {
namespace {

// The step with which tables are exact: where all n weights are whole multiples of the smallest,
// and no two bytes need more than max_sum such steps. Otherwise 0. Levels that are scaled to a
// query's length are off by some roundings; of other weights not all come as near.
float exact_step(const float* weights, size_t n, float largest, uint32_t max_sum) {
  float unit = std::numeric_limits<float>::infinity();
  for (size_t j = 0; j < n; ++j)
    if (weights[j] != 0.0f) unit = std::min(unit, std::fabs(weights[j]));
  const float step = 2.0f * unit;
  if (!(largest <= 1.0001f * step * static_cast<float>(max_sum))) return 0.0f;
  for (size_t j = 0; j < n; ++j) {
    const float multiple = weights[j] / unit;
    if (std::fabs(multiple - std::nearbyint(multiple)) > 1e-4f) return 0.0f;
  }
  return step;
}

}  // namespace

float EstimateScore::limit_before_constant(size_t q, float limit) const {
  return terms_.constants == nullptr ? limit : limit_before(terms_.constants[q], limit);
}

WeightScore::WeightScore(const float* weights, size_t n_queries, const CodeLayout& layout,
                         const EstimateTerms& terms)
    : EstimateScore(n_queries, terms), weights_(weights), layout_(layout) {
  for (size_t q = 0; q < n_queries; ++q) {
    float largest = 0.0f;
    double total = 0.0;
    for (size_t first = 0; first < 2 * layout_.n_bytes(); first += kNibblesTogether) {
      float sum = 0.0f;
      for (size_t position = first; position < first + kNibblesTogether; ++position)
        for (const float w : nibble(q, position).weights) sum += std::fabs(w);
      largest = std::max(largest, 2.0f * sum);
      total += sum;
    }
    // Each of the entries may be rounded up, by 1/2. The step is never too short, so that
    // this is all, even where weights are denormal.
    const float exact = exact_step(weights_ + q * layout_.n_bits, layout_.n_bits, largest, kMaxSum);
    const float step = std::nextafter(largest / (kMaxSum - kNibblesTogether / 2), largest);
    alpha_[q] = largest > 0.0f ? -(exact > 0.0f ? exact : step) : 0.0f;
    // Entry 0 of a nibble stands for -sum |w_j|, so -S = total - step * sum.
    gamma_[q] = static_cast<float>(total);
  }
}

WeightScore::Nibble WeightScore::nibble(size_t q, size_t position) const {
  Nibble result = {};
  const float* weights = weights_ + q * layout_.n_bits;
  for (size_t t = 0; t < 4; ++t) {
    const size_t j = layout_.bit_of_nibble(position, t);
    if (j < layout_.n_bits) result.weights[t] = weights[j];
  }
  return result;
}

int32_t WeightScore::sum_bound(size_t q, float limit, float) const {
  const float step = -alpha_[q];
  if (!(step > 0.0f)) return 0;
  const double least = (static_cast<double>(gamma_[q]) - limit_before_constant(q, limit)) / step;
  // key() rounds to float: by less than two steps, because sums have at most 21 binary digits.
  return whole_bits(static_cast<float>(least) - 2.0f);
}

void WeightScore::write_table(size_t q, uint8_t* table) const {
  const float step = -alpha_[q];
  // In double, because 1 / step overflows a float where the weights are denormal.
  const double per_step = step > 0.0f ? 1.0 / step : 0.0;
  for (size_t position = 0; position < 2 * layout_.n_bytes(); ++position, table += 16) {
    const Nibble bits = nibble(q, position);
    float above_least[16] = {};
    for (size_t t = 0, n = 1; t < 4; ++t, n *= 2) {
      const float w = bits.weights[t];
      const float if_clear = w > 0.0f ? 0.0f : 2.0f * std::fabs(w);
      const float if_set = w > 0.0f ? 2.0f * w : 0.0f;
      for (size_t i = 0; i < n; ++i) {
        above_least[n + i] = above_least[i] + if_set;
        above_least[i] += if_clear;
      }
    }
    for (size_t i = 0; i < 16; ++i) {
      table[i] = static_cast<uint8_t>(static_cast<int32_t>(above_least[i] * per_step + 0.5));
    }
  }
}

SignScore::SignScore(const uint8_t* queries, const float* magnitudes, size_t n_queries,
                     size_t n_bits, const EstimateTerms& terms)
    : EstimateScore(n_queries, terms), bits_{queries, (n_bits + 7) / 8, false} {
  // S = magnitude * (bits that agree - bits that differ), so -S = magnitude * (2 * differ -
  // n_bits).
  for (size_t q = 0; q < n_queries; ++q) {
    alpha_[q] = 2.0f * magnitudes[q];
    gamma_[q] = -magnitudes[q] * static_cast<float>(n_bits);
  }
}

int32_t SignScore::sum_bound(size_t q, float limit, float) const {
  if (!bounds_sums() || alpha_[q] <= 0.0f) return kAnyNumberOfBits;
  return whole_bits((limit_before_constant(q, limit) - gamma_[q]) / alpha_[q] + 1.0f);
}

void SignScore::write_table(size_t q, uint8_t* table) const {
  const uint8_t* code = bits_.query(q);
  for (size_t position = 0; position < 2 * bits_.n_bytes; ++position, table += 16) {
    const uint32_t bits = code[position / 2] >> (4 * (position % 2)) & 15u;
    for (uint32_t nibble = 0; nibble < 16; ++nibble)
      table[nibble] = static_cast<uint8_t>(std::bitset<4>(bits ^ nibble).count());
  }
}

}  // namespace bitindex
