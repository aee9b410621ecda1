#include "encode/flip_search.h"

#include <algorithm>
#include <cmath>

namespace bitindex {
namespace {

// The energy of the heaviest bit that may flip, in units: costs of some times this are still exact.
constexpr float kHeaviest = 8191.0f;
// How much heavier than the median such a bit may be. Of 8 bits for each dimension, where energies
// differ by 10,000, this fixes the heaviest few, which no search was seen to flip.
constexpr float kHeavyShare = 8.0f;
// Twice the change of the error that is none: pulls are rounded in every step, and a search that
// took what they leave for progress could go round in circles.
constexpr int64_t kLittle = 4;
constexpr int kMostHalves = 4096;
constexpr int kRest = 20000;  // added to the cost of a sign that rests

int16_t saturated(int x) noexcept {
  return static_cast<int16_t>(std::min(std::max(x, INT16_MIN), INT16_MAX));
}

// Rounds; no number becomes -limit.
int16_t rounded(float x, float limit) noexcept {
  constexpr float kShift = 12582912.0f;  // 3 * 2^22: adding and subtracting it rounds
  const float above = x > -limit ? x : -limit;
  const float within = above < limit ? above : limit;
  return static_cast<int16_t>(static_cast<int32_t>((within + kShift) - kShift));
}

// Over lanes, so that compilers vectorise it.
float largest_magnitude(const float* x, size_t n) noexcept {
  constexpr size_t kLanes = 16;
  float most[kLanes] = {};
  const auto take = [&](size_t i, size_t lane) noexcept {
    const float magnitude = std::abs(x[i]);
    most[lane] = magnitude > most[lane] ? magnitude : most[lane];
  };
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane) take(i + lane, lane);
  for (; i < n; ++i) take(i, 0);
  return *std::max_element(most, most + kLanes);
}

}  // namespace

FlipProblem::FlipProblem(const float* gram, size_t n_dims, size_t n_bits, size_t stride,
                         float along_weight)
    : n_bits_(n_bits),
      width_((n_bits + kFlipLanes - 1) / kFlipLanes * kFlipLanes),
      along_weight_(along_weight),
      own_(n_bits),
      fixed_(width_, -1),
      doubled_((n_bits + 1) * width_) {
  for (size_t j = 0; j < n_bits; ++j) own_[j] = gram[j * stride + j];
  std::vector<float> sorted = own_;
  std::sort(sorted.begin(), sorted.end());
  const float most = std::min(sorted.back(), kHeavyShare * sorted[n_bits / 2]);
  // Half of the rows have a smaller |<v, D_j>|^2 than this share of an own_[j].
  float energy = 0.0f;
  for (const float own : own_) energy += own;
  const float along = along_weight * energy / static_cast<float>(std::min(n_dims, n_bits));
  unit_ = std::max(most * (1.0f + 4.0f * along), 1e-30f) / kHeaviest;
  for (size_t j = 0; j < n_bits; ++j) fixed_[j] = own_[j] > most ? -1 : 0;
  for (size_t i = 0; i < n_bits; ++i)
    for (size_t j = 0; j < n_bits; ++j)
      if (i != j && fixed_[j] == 0)
        doubled_[i * width_ + j] = rounded(2.0f * gram[i * stride + j] / unit_ - 0.5f, 32767.0f);
}

// Where patience is 0 no sign has to rest, but for the one flipped last it does no harm.
FlipSearch::FlipSearch(const KernelTable& kernels, const FlipProblem& problem, size_t patience)
    : kernels_(kernels),
      problem_(problem),
      patience_(patience),
      tenure_(patience > 0 ? kTenure : 1),
      most_steps_(4 * problem.n_bits() + patience),
      costs_(problem.width()),
      signs_(problem.width()),
      pulls_(problem.width()),
      rests_(problem.width()),
      flipped_(patience + 1) {}

// The first step adds no row.
void FlipSearch::start(const FlipStart& start) noexcept {
  const size_t n_bits = problem_.n_bits();
  const float weight = problem_.along_weight_, per_unit = 1.0f / problem_.unit_;
  const float most = std::max(largest_magnitude(start.along, n_bits), 1e-30f);
  const float pull_scale = 32767.0f / most;
  int16_t *costs = costs_.data(), *pulls = pulls_.data(), *signs = signs_.data();
  const float* own = problem_.own_.data();
  for (size_t j = 0; j < n_bits; ++j) {
    const float sign = start.signs[j], along = start.along[j];
    const float cost = sign * start.gradient[j] + (own[j] + weight * along * along);
    costs[j] = rounded(cost * per_unit, 32767.0f);
    pulls[j] = rounded(sign * along * pull_scale, 32767.0f);
    signs[j] = static_cast<int16_t>(start.signs[j] >> 1);
  }
  const int16_t* fixed = problem_.fixed_.data();
  for (size_t j = 0; j < problem_.width(); ++j) {
    costs[j] = static_cast<int16_t>((costs[j] & ~fixed[j]) | (INT16_MAX & fixed[j]));
    pulls[j] = static_cast<int16_t>(pulls[j] & ~fixed[j]);
  }
  rests_ = problem_.fixed_;
  const float pull_unit = most / 32767.0f;
  factor_ = weight * start.left_along * pull_unit * 32768.0f * per_unit;
  factor_step_ = 2.0f * weight * pull_unit * pull_unit * 32768.0f * per_unit;
  update_ = {&problem_.doubled_[n_bits * problem_.width()], 0, rounded(factor_, 32767.0f)};
  oldest_ = n_steps_ = 0;
  n_halves_ = 0;
  change_ = least_ = 0;
  flipped_.clear();
}

void FlipSearch::look() noexcept {
  if (n_halves_ == kMostHalves) {
    for (size_t j = 0; j < problem_.width(); ++j)
      costs_[j] = saturated(costs_[j] + kMostHalves / 2);
    n_halves_ = 0;
  }
  next_ =
      kernels_.next_flip(update_, signs_.data(), pulls_.data(), problem_.width(), costs_.data());
  ++n_halves_;
}

bool FlipSearch::take() noexcept {
  const int64_t doubled = 2 * next_.cost + n_halves_;
  if (rests_[next_.bit] != 0 || n_steps_ == most_steps_) return false;
  if (patience_ == 0 && doubled >= 0) return false;
  change_ += doubled;
  flip(next_);
  if (change_ < least_ - kLittle) {
    least_ = change_;
    flipped_.clear();
    return true;
  }
  flipped_.push_back(next_.bit);
  return flipped_.size() <= patience_;
}

int FlipSearch::pull_on(size_t bit) const noexcept {
  return (pulls_[bit] * update_.factor + (1 << 14)) >> 15;
}

// What the flip changes is added to the costs by the next step.
void FlipSearch::flip(CheapestFlip cheapest) noexcept {
  const size_t j = cheapest.bit;
  factor_ += factor_step_ * pulls_[j];
  update_ = {&problem_.doubled_[j * problem_.width()], signs_[j], rounded(factor_, 32767.0f)};
  signs_[j] = static_cast<int16_t>(~signs_[j]);
  pulls_[j] = static_cast<int16_t>(-pulls_[j]);
  size_t& oldest = resting_[oldest_];
  if (n_steps_ >= tenure_) {
    costs_[oldest] = saturated(costs_[oldest] - kRest);
    rests_[oldest] = 0;
  }
  // That step takes 1 from it, where 1/2 is meant: given back where the sign becomes negative, so
  // that two flips of a sign cancel.
  costs_[j] = saturated(-cheapest.cost - n_halves_ - pull_on(j) + kRest - signs_[j]);
  rests_[j] = -1;
  oldest = j;
  oldest_ = oldest_ + 1 == tenure_ ? 0 : oldest_ + 1;
  ++n_steps_;
}

void FlipSearch::pack_best(uint8_t* packed) noexcept {
  for (const size_t j : flipped_) signs_[j] = static_cast<int16_t>(~signs_[j]);
  const size_t n_bits = problem_.n_bits();
  for (size_t first = 0; first < n_bits; first += 8) {
    unsigned byte = 0;
    for (size_t j = first; j < std::min(first + 8, n_bits); ++j)
      byte |= (signs_[j] == 0 ? 128u : 0u) >> (j - first);
    *packed++ = static_cast<uint8_t>(byte);
  }
}

}  // namespace bitindex
