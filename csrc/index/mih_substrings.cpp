#include "index/mih_substrings.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bitindex {
namespace {

constexpr size_t kMaxSubstrings = 64;
constexpr size_t kSampleRows = 2048;
constexpr size_t kSampleBytes = kSampleRows / 8;

unsigned shift_of(const CodeLayout& layout, size_t bit) {
  const size_t shift = bit % 8;
  return static_cast<unsigned>(layout.big_endian ? 7 - shift : shift);
}

// Rows evenly spaced among the codes, transposed: kSampleBytes for each bit of a code.
std::vector<uint8_t> sample_bits(const CodeLayout& layout, const Column& codes, size_t n_sample) {
  std::vector<uint8_t> sample(layout.n_bits * kSampleBytes, 0);
  for (size_t i = 0; i < n_sample; ++i) {
    const uint8_t* code = codes.row(i * codes.n_rows() / n_sample);
    for (size_t bit = 0; bit < layout.n_bits; ++bit) {
      const unsigned set = code[bit / 8] >> shift_of(layout, bit) & 1u;
      sample[bit * kSampleBytes + i / 8] |= static_cast<uint8_t>(set << (i % 8));
    }
  }
  return sample;
}

double squared_correlation(double n, double a, double b, double both) {
  const double variances = a * (n - a) * b * (n - b);
  const double covariance = n * both - a * b;
  return variances > 0.0 ? covariance * covariance / variances : 0.0;
}

}  // namespace

SubstringShape substring_shape(size_t n_code_bits, size_t n_rows, size_t n_substrings) {
  const double bits_of_rows = std::log2(static_cast<double>(std::max<size_t>(n_rows, 2)));
  if (n_substrings == 0) {
    const auto fitting =
        static_cast<size_t>(std::lround(static_cast<double>(n_code_bits) / bits_of_rows));
    n_substrings = std::clamp<size_t>(fitting, 1, kMaxSubstrings);
  }
  n_substrings = std::min(n_substrings, n_code_bits);
  const size_t most = std::min(n_code_bits / n_substrings, kMaxSubstringBits);
  const auto n_bits = static_cast<size_t>(std::lround(bits_of_rows));
  return {n_substrings, std::clamp<size_t>(n_bits, 1, most)};
}

std::vector<uint32_t> choose_substring_bits(const KernelTable& kernels, const CodeLayout& layout,
                                            const Column& codes, const SubstringShape& shape) {
  const size_t n_sample = std::min(codes.n_rows(), kSampleRows);
  const std::vector<uint8_t> sample = sample_bits(layout, codes, n_sample);
  std::vector<uint32_t> counts(layout.n_bits);
  kernels.popcount_rows(sample.data(), layout.n_bits, kSampleBytes, counts.data());

  std::vector<uint32_t> order(layout.n_bits);
  std::iota(order.begin(), order.end(), 0u);
  const auto balance = [&](uint32_t bit) {
    return std::min<size_t>(counts[bit], n_sample - counts[bit]);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return balance(a) > balance(b); });
  order.resize(shape.n_substrings * shape.n_bits);

  // The most balanced bits choose first: each goes where it repeats least of what is there.
  std::vector<std::vector<uint32_t>> chosen(shape.n_substrings);
  std::vector<uint8_t> placed_bits;
  std::vector<size_t> placed_in;
  std::vector<uint32_t> both(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t bit = order[i];
    const uint8_t* const column = sample.data() + bit * kSampleBytes;
    kernels.and_count_rows(column, placed_bits.data(), i, kSampleBytes, both.data());
    std::vector<double> repeated(shape.n_substrings, 0.0);
    for (size_t other = 0; other < i; ++other)
      repeated[placed_in[other]] += squared_correlation(static_cast<double>(n_sample), counts[bit],
                                                        counts[order[other]], both[other]);
    size_t best = shape.n_substrings;
    for (size_t j = 0; j < shape.n_substrings; ++j)
      if (chosen[j].size() < shape.n_bits &&
          (best == shape.n_substrings || repeated[j] < repeated[best]))
        best = j;
    chosen[best].push_back(bit);
    placed_in.push_back(best);
    placed_bits.insert(placed_bits.end(), column, column + kSampleBytes);
  }
  std::vector<uint32_t> bits;
  for (const std::vector<uint32_t>& of_substring : chosen)
    bits.insert(bits.end(), of_substring.begin(), of_substring.end());
  return bits;
}

Substring::Substring(const CodeLayout& layout, const uint32_t* bits, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const size_t byte = bits[i] / 8;
    auto part = std::find_if(parts_.begin(), parts_.end(),
                             [&](const Part& known) { return known.byte == byte; });
    if (part == parts_.end()) part = parts_.insert(part, Part{byte, {}});
    for (size_t value = 0; value < part->values.size(); ++value)
      part->values[value] |= static_cast<uint32_t>(value >> shift_of(layout, bits[i]) & 1u) << i;
  }
}

}  // namespace bitindex
