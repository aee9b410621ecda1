#include "tables/levels.h"

#include <algorithm>
#include <cmath>

namespace bitindex {
namespace {

uint32_t reversed(uint32_t byte) {
  constexpr uint8_t kReversed[16] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
  return static_cast<uint32_t>(kReversed[byte & 15] << 4 | kReversed[byte >> 4]);
}

// Calls visit(dimension, level) for all dimensions in order.
template <class Visit>
void for_each_level(size_t n_level_bits, const CodeLayout& layout, const uint8_t* code,
                    Visit visit) {
  const size_t n_dims = layout.n_bits / n_level_bits;
  const uint32_t largest = (1u << n_level_bits) - 1;
  uint32_t bits = 0;  // the last n_here of them belong to dimensions still to come
  for (size_t dim = 0, n_here = 0; dim < n_dims; ++code) {
    bits = bits << 8 | (layout.big_endian ? *code : reversed(*code));
    for (n_here += 8; n_here >= n_level_bits && dim < n_dims; n_here -= n_level_bits) {
      const uint32_t v = bits >> (n_here - n_level_bits) & largest;
      visit(dim++, static_cast<int32_t>(2 * v) - static_cast<int32_t>(largest));
    }
  }
}

}  // namespace

void level_norms(size_t n_level_bits, const CodeLayout& layout, const uint8_t* codes, size_t n_rows,
                 float* norms) {
  for (size_t i = 0; i < n_rows; ++i, codes += layout.n_bytes()) {
    int32_t squares = 0;
    for_each_level(n_level_bits, layout, codes,
                   [&](size_t, int32_t level) { squares += level * level; });
    norms[i] = std::sqrt(static_cast<float>(squares));
  }
}

LevelScore::LevelScore(size_t n_level_bits, const CodeLayout& layout, const uint8_t* queries,
                       size_t n_queries, const float* norms)
    : n_level_bits_(n_level_bits),
      layout_(layout),
      queries_(queries),
      norms_(norms),
      terms_(n_queries) {
  const int32_t largest = (1 << n_level_bits) - 1;  // and the sum of all 2^p
  for (size_t q = 0; q < n_queries; ++q) {
    int32_t squares = 0, total = 0;
    for_each_level(n_level_bits, layout, queries + q * layout.n_bytes(),
                   [&](size_t, int32_t level) {
                     squares += level * level;
                     total += std::abs(level) * largest;
                   });
    terms_[q] = {std::sqrt(static_cast<double>(squares)), static_cast<double>(squares),
                 static_cast<double>(total)};
  }
}

// The largest sum of |w| over the 8 bits of a byte, and of its nibbles, with |level| <= 2^B - 1:
//   B = 2   four dimensions of 3 * (2 + 1) = 9; two in a nibble
//   B = 3   dimensions straddle bytes, but of 8 bits in a row that weigh 4, 2, 1, 4, ... none weigh
//           more than 4 + 2 + 1 + 4 + 2 + 1 + 4 + 2 = 20, times 7; of 4 none more than 11, times 7
//   B = 4   two dimensions of 15 * (8 + 4 + 2 + 1) = 225; one in a nibble
// So every entry fits 8 bits.
LargestSums LevelScore::largest_sums() const {
  const uint32_t byte = n_level_bits_ == 2 ? 36 : n_level_bits_ == 3 ? 140 : 450;
  return {byte, 2 * byte};
}

// An entry is the sum of |w| over the bits of the nibble whose sign is that of w.
void LevelScore::write_table(size_t q, uint8_t* table) const {
  const uint8_t* query = queries_ + q * layout_.n_bytes();
  std::vector<int32_t> weights(8 * layout_.n_bytes(), 0);  // padding bits weigh nothing
  for_each_level(n_level_bits_, layout_, query, [&](size_t dim, int32_t level) {
    for (size_t b = 0; b < n_level_bits_; ++b)
      weights[dim * n_level_bits_ + b] = level * (1 << (n_level_bits_ - 1 - b));
  });
  for (size_t position = 0; position < 2 * layout_.n_bytes(); ++position, table += 16) {
    table[0] = 0;
    for (size_t t = 0, n = 1; t < 4; ++t, n *= 2) {
      const int32_t w = weights[layout_.bit_of_nibble(position, t)];
      for (size_t i = 0; i < n; ++i) {
        table[n + i] = static_cast<uint8_t>(table[i] + std::max(w, 0));
        table[i] = static_cast<uint8_t>(table[i] + std::max(-w, 0));
      }
    }
  }
}

// distance <= t, solved for the product: (1 - t) |q| |x| - <q, x> <= 0.
RowTest LevelScore::row_test(size_t q, float limit) const {
  if (!(limit < 2.0f)) return {0.0f, 0.0f, 0.0f, 0.0f, nullptr, nullptr};  // every row passes
  const Query& query = terms_[q];
  // Sums are exact in float, and |(1 - t) |q| |x|| + |<q, x>| is at most twice the largest
  // |q| |x|, of which rounding loses less than a 2^20th; key() decides.
  const double largest_norm =
      std::sqrt(static_cast<double>(layout_.n_bits / n_level_bits_)) * ((1 << n_level_bits_) - 1);
  const double slack = query.norm * largest_norm / (1 << 20);
  return {-2.0f,
          static_cast<float>(query.total),
          static_cast<float>((1.0 - limit) * query.norm),
          static_cast<float>(slack),
          nullptr,
          nullptr};
}

int32_t LevelScore::sum_bound(size_t q, float limit, float least_offset) const {
  const RowTest test = row_test(q, limit);
  if (test.alpha == 0.0f || test.beta < 0.0f) return 0;
  // One less for what is rounded here.
  return whole_bits((test.gamma + test.beta * least_offset - test.limit) / -test.alpha - 1.0f);
}

float LevelScore::key(size_t q, uint32_t sum, size_t row) const {
  const Query& query = terms_[q];
  const double product = 2.0 * sum - query.total;
  const double squared_norm = std::nearbyint(static_cast<double>(norms_[row]) * norms_[row]);
  // Both sides of the quotient are whole numbers below 2^44, so that equal cosines tie.
  const double cosine = std::sqrt(product * product / (query.squared_norm * squared_norm));
  return static_cast<float>(product < 0 ? 1.0 + cosine : 1.0 - cosine);
}

}  // namespace bitindex
