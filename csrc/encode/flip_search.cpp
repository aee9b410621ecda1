#include "encode/flip_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bitindex {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// Less is no change: with_sign makes 1e-45 of 0.
constexpr float kNothing = 1e-36f;

// The number with its lowest bit set where the sign is negative.
float with_sign(float x, float sign) noexcept {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits = (bits & ~uint32_t{1}) | static_cast<uint32_t>(sign < 0.0f);
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

float lowest_bit_sign(float x) noexcept {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return 1.0f - 2.0f * static_cast<float>(bits & 1);
}

}  // namespace

// Where patience is 0 no sign has to rest, but for the one flipped last it does no harm.
FlipSearch::FlipSearch(const KernelTable& kernels, const FlipProblem& problem)
    : kernels_(kernels),
      problem_(problem),
      tenure_(problem.patience > 0 ? kTenure : 1),
      most_steps_(4 * problem.n_bits + problem.patience),
      costs_(problem.width),
      along_(problem.width),
      packed_(problem.width / 8),
      best_(problem.width / 8) {}

// The first step adds the pull along v to the costs, each other one what the flip before changed.
void FlipSearch::start(const FlipStart& start) noexcept {
  const size_t width = problem_.width, n_bits = problem_.n_bits;
  const float weight = problem_.along_weight;
  float *costs = costs_.data(), *pulls = along_.data();
  for (size_t j = 0; j < n_bits; ++j) {
    const float sign = start.signs[j], along = start.along[j];
    costs[j] = sign * start.gradient[j] + (problem_.own[j] + weight * along * along);
    pulls[j] = with_sign(sign * along, sign);
  }
  for (size_t first = 0; first < n_bits; first += 8) {
    unsigned byte = 0;
    for (size_t j = first; j < std::min(first + 8, n_bits); ++j)
      byte |= (start.signs[j] > 0 ? 128u : 0u) >> (j - first);
    packed_[first / 8] = static_cast<uint8_t>(byte);
  }
  for (size_t j = n_bits; j < width; ++j) costs_[j] = kInfinity;
  best_ = packed_;
  update_ = {problem_.doubled + width * width, 1.0f, weight * start.left_along};
  std::fill(resting_, resting_ + kTenure, size_t{0});
  std::fill(resting_costs_, resting_costs_ + kTenure, 0.0f);
  oldest_ = n_steps_ = since_best_ = 0;
  change_ = least_ = 0.0f;
}

void FlipSearch::look() noexcept {
  next_ = kernels_.next_flip(update_, along_.data(), problem_.width, costs_.data());
}

bool FlipSearch::take() noexcept {
  const size_t j = next_;
  if (j >= problem_.n_bits || n_steps_ == most_steps_) return false;
  if (problem_.patience == 0 && !(costs_[j] < -kNothing)) return false;
  ++n_steps_;
  change_ += costs_[j];
  flip(j);
  if (change_ < least_ - kNothing) {
    least_ = change_;
    since_best_ = 0;
    best_ = packed_;
    return true;
  }
  return ++since_best_ <= problem_.patience;
}

// What the flip changes is added to the costs by the next step; only to those that rest here.
void FlipSearch::flip(size_t j) noexcept {
  const float* row = problem_.doubled + j * problem_.width;
  const float sign = lowest_bit_sign(along_[j]);
  update_ = {row, sign, 2.0f * problem_.along_weight * along_[j]};
  if (n_steps_ > tenure_) costs_[resting_[oldest_]] = resting_costs_[oldest_];
  float changes[kTenure];
  for (size_t i = 0; i < kTenure; ++i) changes[i] = row[resting_[i]];
  for (size_t i = 0; i < kTenure; ++i)
    resting_costs_[i] = (resting_costs_[i] + sign * resting_signs_[i] * changes[i]) +
                        update_.along_factor * resting_along_[i];
  along_[j] = with_sign(-along_[j], -sign);
  resting_[oldest_] = j;
  resting_signs_[oldest_] = -sign;
  resting_along_[oldest_] = along_[j];
  resting_costs_[oldest_] = -costs_[j];
  costs_[j] = kInfinity;
  oldest_ = oldest_ + 1 == tenure_ ? 0 : oldest_ + 1;
  packed_[j / 8] = static_cast<uint8_t>(packed_[j / 8] ^ 1u << (7 - j % 8));
}

void FlipSearch::pack_best(uint8_t* packed) const noexcept {
  std::memcpy(packed, best_.data(), (problem_.n_bits + 7) / 8);
}

}  // namespace bitindex
