#include "tables/overlap.h"

#include <algorithm>
#include <cmath>

namespace bitindex {
namespace {

// The smallest sum with which a row passes, not rounded.
float least_sum(const RowTest& test, float offset) noexcept {
  return test.gamma + test.beta * offset - test.limit;
}

}  // namespace

float overlap_row_term(Overlap kind, size_t row_size) noexcept {
  const auto size = static_cast<float>(row_size);
  return kind == Overlap::kCosine ? std::sqrt(size) : size;
}

double overlap_row_size(Overlap kind, float term) noexcept {
  const double x = term;
  // A root is stored rounded; its square rounds back to the popcount exactly.
  return kind == Overlap::kCosine ? std::nearbyint(x * x) : x;
}

void overlap_row_terms(Overlap kind, const KernelTable& kernels, const uint8_t* codes,
                       size_t n_rows, size_t n_bytes, float* terms) {
  std::vector<uint32_t> popcounts(n_rows);
  kernels.popcount_rows(codes, n_rows, n_bytes, popcounts.data());
  for (size_t i = 0; i < n_rows; ++i) terms[i] = overlap_row_term(kind, popcounts[i]);
}

OverlapScore::OverlapScore(Overlap kind, const KernelTable& kernels, const uint8_t* queries,
                           size_t n_queries, size_t n_bytes, const float* row_terms)
    : kind_(kind), bits_{queries, n_bytes, true}, row_terms_(row_terms), query_sizes_(n_queries) {
  kernels.popcount_rows(queries, n_queries, n_bytes, query_sizes_.data());
}

float OverlapScore::key(size_t q, uint32_t sum, size_t row) const {
  return key_of(q, sum, overlap_row_size(kind_, row_terms_[row]));
}

float OverlapScore::key_of(size_t q, uint32_t sum, double row_size) const {
  const double a = query_sizes_[q];
  if (kind_ == Overlap::kCosine) {
    if (a == 0 || row_size == 0) return a == row_size ? 0.0f : 1.0f;
    return static_cast<float>(1.0 - sum / std::sqrt(a * row_size));
  }
  const double both = a + row_size;
  const double whole = kind_ == Overlap::kJaccard ? both - sum : both;
  // Both counts are exact in float, so this is the quotient rounded once.
  return whole == 0 ? 0.0f : static_cast<float>(both - 2.0 * sum) / static_cast<float>(whole);
}

float OverlapScore::least_key_of_size(size_t q, size_t row_size) const {
  const auto most_common = static_cast<uint32_t>(std::min(row_size, query_size(q)));
  return key_of(q, most_common, static_cast<double>(row_size));
}

// It falls up to the popcount of the query and rises from there.
float OverlapScore::least_key(size_t q, SizeRange sizes) const {
  return least_key_of_size(q, std::clamp<size_t>(query_size(q), sizes.least, sizes.most));
}

SizeRange OverlapScore::sizes_within(size_t q, float limit) const {
  size_t low = 0, low_end = query_size(q);
  while (low < low_end) {
    const size_t middle = (low + low_end) / 2;
    if (least_key_of_size(q, middle) <= limit)
      low_end = middle;
    else
      low = middle + 1;
  }
  size_t high = query_size(q), high_end = 8 * bits_.n_bytes;
  while (high < high_end) {
    const size_t middle = (high + high_end + 1) / 2;
    if (least_key_of_size(q, middle) <= limit)
      high = middle;
    else
      high_end = middle - 1;
  }
  return {low, high};
}

// distance <= t, solved for the overlap: s >= c (|a| + |b|), for cosine s >= c sqrt|a| sqrt|b|.
RowTest OverlapScore::row_test(size_t q, float limit) const {
  if (!(limit < 1.0f)) return {0.0f, 0.0f, 0.0f, 0.0f, nullptr, nullptr};  // every row passes
  const double a = query_sizes_[q];
  double c = 1.0 - limit;
  double constant = 0.0;
  if (kind_ == Overlap::kCosine) {
    c *= std::sqrt(a);
  } else {
    c /= kind_ == Overlap::kJaccard ? 2.0 - limit : 2.0;
    constant = c * a;
  }
  // Float products of counts up to 2^17 are off by less than this many bits; key() decides.
  constexpr float kSlack = 0.25f;
  return {-1.0f, static_cast<float>(constant), static_cast<float>(c), kSlack, nullptr, nullptr};
}

int32_t OverlapScore::sum_bound(size_t q, float limit, float least_offset) const {
  const RowTest test = row_test(q, limit);
  if (test.alpha == 0.0f) return 0;
  return whole_bits(std::max(0.0f, std::ceil(least_sum(test, least_offset))));
}

int32_t OverlapScore::most_different(size_t q, float limit, SizeRange sizes) const {
  const RowTest test = row_test(q, limit);
  if (test.alpha == 0.0f) return kAnyNumberOfBits;
  const auto most = [&](size_t size) {
    const auto both = static_cast<float>(query_size(q) + size);
    return both - 2.0f * least_sum(test, overlap_row_term(kind_, size));
  };
  // It is a convex function of the size, or of its root, so that it is largest at an end.
  return whole_bits(std::max(most(sizes.least), most(sizes.most)));
}

}  // namespace bitindex
