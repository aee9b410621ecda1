#include "index/centroid_means.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace bitindex {
namespace {

constexpr double kLargestWeight = 127.0;
constexpr int64_t kMostDistance = int64_t{1} << 30;

constexpr size_t kMostInByte = 255;

// For each byte, its bits as bytes of 0 or 1 in memory.
std::array<uint64_t, 256> spread_bits() {
  std::array<uint64_t, 256> spread;
  for (size_t byte = 0; byte < spread.size(); ++byte) {
    uint8_t bits[8];
    for (size_t bit = 0; bit < 8; ++bit) bits[bit] = byte >> bit & 1u;
    std::memcpy(&spread[byte], bits, sizeof bits);
  }
  return spread;
}

int8_t weight_of(double share) {
  return static_cast<int8_t>(std::lround((2.0 * share - 1.0) * kLargestWeight));
}

}  // namespace

std::vector<uint32_t> count_set_bits(const uint8_t* codes, size_t n_bytes, const uint32_t* rows,
                                     size_t n) {
  static const std::array<uint64_t, 256> spread = spread_bits();
  std::vector<uint64_t> few(n_bytes);  // eight counts each, a byte for each bit
  std::vector<uint32_t> counts(8 * n_bytes);
  for (size_t first = 0; first < n; first += kMostInByte) {
    std::fill(few.begin(), few.end(), 0);
    for (size_t i = first; i < std::min(n, first + kMostInByte); ++i)
      for (size_t byte = 0; byte < n_bytes; ++byte)
        few[byte] += spread[codes[rows[i] * n_bytes + byte]];
    const auto* bytes = reinterpret_cast<const uint8_t*>(few.data());
    for (size_t bit = 0; bit < counts.size(); ++bit) counts[bit] += bytes[bit];
  }
  return counts;
}

CentroidMeans::CentroidMeans(size_t n_bytes, std::vector<int8_t> weights)
    : n_bits_(8 * n_bytes), weights_(std::move(weights)) {
  add_offsets();
}

CentroidMeans::CentroidMeans(const uint8_t* codes, size_t n_bytes, const RowOrder& members,
                             const std::vector<uint8_t>& centroids)
    : CentroidMeans(n_bytes) {
  weights_.reserve(8 * centroids.size());
  const uint32_t itself = 0;
  for (size_t c = 0; c + 1 < members.starts.size(); ++c) {
    const size_t n = members.starts[c + 1] - members.starts[c];
    const std::vector<uint32_t> counts =
        n > 0 ? count_set_bits(codes, n_bytes, members.rows.data() + members.starts[c], n)
              : count_set_bits(centroids.data() + c * n_bytes, n_bytes, &itself, 1);
    const double n_counted = static_cast<double>(std::max<size_t>(n, 1));
    for (const uint32_t count : counts) weights_.push_back(weight_of(count / n_counted));
  }
  add_offsets();
}

// With b a code's bits, m the shares and w = 127 (2 m - 1) the weights,
//   |b - m|^2 = (sum of b^2 - 2 b m) + |m|^2 = |m|^2 - <b, w> / 127, as b^2 = b.
void CentroidMeans::add_offsets() {
  for (size_t first = 0; first < weights_.size(); first += n_bits_) {
    double sum = 0.0;
    for (size_t i = first; i < first + n_bits_; ++i) {
      const double share = (weights_[i] / kLargestWeight + 1.0) / 2.0;
      sum += share * share;
    }
    offsets_.push_back(static_cast<int32_t>(std::lround(sum * kLargestWeight)));
  }
}

size_t CentroidMeans::memory_bytes() const noexcept {
  return weights_.capacity() * sizeof(int8_t) + offsets_.capacity() * sizeof(int32_t);
}

CentroidMeans CentroidMeans::kept(const std::vector<uint32_t>& numbers) const {
  CentroidMeans few(n_bits_ / 8);
  if (empty()) return few;
  for (const uint32_t c : numbers) {
    const auto first = weights_.begin() + static_cast<std::ptrdiff_t>(c * n_bits_);
    few.weights_.insert(few.weights_.end(), first, first + static_cast<std::ptrdiff_t>(n_bits_));
    few.offsets_.push_back(offsets_[c]);
  }
  return few;
}

void CentroidMeans::Ranker::select(const uint8_t* code, size_t n, float margin,
                                   std::vector<Candidate>& centroids) {
  numbers_.clear();
  for (const Candidate& centroid : centroids) numbers_.push_back(centroid.row());
  distances_.resize(numbers_.size());
  kernels_.weigh_bits(code, means_.n_bits_ / 8, means_.weights_.data(), numbers_.data(),
                      numbers_.size(), distances_.data());
  int32_t least = std::numeric_limits<int32_t>::max();
  for (size_t i = 0; i < numbers_.size(); ++i) {
    distances_[i] = means_.offsets_[numbers_[i]] - distances_[i];
    least = std::min(least, distances_[i]);
  }
  // Half a step more, because margins are rounded.
  const double most = least + double{margin} * kLargestWeight + 0.5;
  order_.clear();
  for (size_t i = 0; i < numbers_.size(); ++i)
    if (distances_[i] <= most)
      order_.push_back(static_cast<uint64_t>(distances_[i] + kMostDistance) << 32 | i);
  const auto nth = order_.begin() + static_cast<std::ptrdiff_t>(std::min(n, order_.size()));
  std::nth_element(order_.begin(), nth, order_.end());
  std::sort(order_.begin(), nth);
  centroids.clear();
  std::for_each(order_.begin(), nth, [&](uint64_t next) {
    const auto i = static_cast<uint32_t>(next);
    centroids.emplace_back(static_cast<float>(distances_[i]) / static_cast<float>(kLargestWeight),
                           numbers_[i]);
  });
}

}  // namespace bitindex
