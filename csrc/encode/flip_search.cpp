#include "encode/flip_search.h"

#include <algorithm>
#include <cmath>

#include "encode/bit_order.h"

namespace bitindex {
namespace {

// The energy of the heaviest bit in units. Costs of 16 times this are still exact, of signs that
// rest of 6 times: with less room, bad starts and steps uphill saturate, and what saturated stays
// wrong. Finer units find no better signs.
constexpr float kHeaviest = 2047.0f;
// The smallest energy that the unit of a bit goes along with, as a share of the largest.
constexpr float kLightest = 1e-8f;
// Half units by which the error has to fall: that of signs which come back is known this well.
constexpr double kLittle = 4.0;
constexpr int kMostHalves = 4096;  // that costs may be behind
constexpr int kRest = 20000;       // added to the cost of a sign that rests

int16_t saturated(int x) noexcept {
  return static_cast<int16_t>(std::min(std::max(x, INT16_MIN), INT16_MAX));
}

}  // namespace

FlipProblem::FlipProblem(const float* gram, size_t n_dims, size_t n_bits, size_t stride,
                         float along_weight)
    : n_bits_(n_bits),
      width_((n_bits + kFlipLanes - 1) / kFlipLanes * kFlipLanes),
      tenure_(n_bits <= n_dims ? 6 : 8),
      along_weight_(along_weight),
      own_(n_bits),
      shares_(n_bits),
      scales_(n_bits),
      doubled_((n_bits + 1) * width_) {
  for (size_t j = 0; j < n_bits; ++j) own_[j] = gram[j * stride + j];
  const float most = std::max(*std::max_element(own_.begin(), own_.end()), 1e-30f);
  // What the pull along v adds to the costs of own_[j], as a share, of rows as long as D b.
  float energy = 0.0f;
  for (const float own : own_) energy += own;
  const float along = along_weight * energy / static_cast<float>(std::min(n_dims, n_bits));
  unit_ = most * (1.0f + 4.0f * along) / kHeaviest;
  for (size_t j = 0; j < n_bits; ++j) {
    shares_[j] = std::sqrt(std::max(own_[j] / most, kLightest));
    scales_[j] = 1.0f / (unit_ * shares_[j]);
  }
  for (size_t i = 0; i < n_bits; ++i)
    for (size_t j = 0; j < n_bits; ++j)
      if (i != j)
        doubled_[i * width_ + j] = rounded_short(2.0f * gram[i * stride + j] * scales_[j] - 0.5f);
}

// Where patience is 0 no sign has to rest, but for the one flipped last it does no harm.
FlipSearch::FlipSearch(const KernelTable& kernels, const FlipProblem& problem, size_t patience)
    : kernels_(kernels),
      problem_(problem),
      patience_(patience),
      tenure_(patience > 0 ? problem.tenure() : 1),
      most_steps_(4 * problem.n_bits() + patience),
      costs_(problem.width()),
      signs_(problem.width()),
      pulls_(problem.width()),
      along_(problem.n_bits()),
      rests_(problem.width()),
      pairs_(n_byte_pairs(problem.n_bits())) {}

// The first step adds no row.
void FlipSearch::start(const FlipStart& start) noexcept {
  const size_t n_bits = problem_.n_bits();
  const float weight = problem_.along_weight_, unit = problem_.unit_;
  const float* scales = problem_.scales_.data();
  float* along = along_.data();
  for (size_t j = 0; j < n_bits; ++j) along[j] = start.along[j] * (scales[j] * unit);
  const float pull_unit = std::max(kernels_.largest_magnitude(along, n_bits), 1e-30f) / 32767.0f;
  const float pulls_per_along = 1.0f / pull_unit;
  int16_t* costs = costs_.data();
  kernels_.start_flips({start.signs, start.gradient, start.along, problem_.own_.data(), scales,
                        along, weight, pulls_per_along},
                       n_bits, costs, pulls_.data(), signs_.data());
  std::fill(costs + n_bits, costs + problem_.width(), int16_t{INT16_MAX});
  std::fill(rests_.begin(), rests_.end(), uint8_t{0});
  std::fill(rests_.begin() + static_cast<std::ptrdiff_t>(n_bits), rests_.end(), uint8_t{1});
  factor_ = weight * start.left_along * pull_unit * 32768.0f / unit;
  factor_step_ = 2.0f * weight * pull_unit * pull_unit * 32768.0f / unit;
  update_ = {&problem_.doubled_[n_bits * problem_.width()], 0, rounded_short(factor_)};
  flipped_.clear();
  n_best_steps_ = 0;
  n_halves_ = 0;
  along_scale_ = factor_step_ > 0.0f ? 1.0 / (32768.0 * factor_step_) : 0.0;
  change_ = 0.0;
  least_error_ = error_now();
  coarsest_ = 0.0f;
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

// Whether a step found the best signs so far is a coin's toss: there is no branch on it.
bool FlipSearch::take() {
  if (rests_[next_.bit] != 0 || flipped_.size() == most_steps_) return false;
  if (patience_ == 0 && 2 * next_.cost + n_halves_ >= 0) return false;
  flip(next_.bit);
  const double error = error_now();
  const float coarsest = std::max(coarsest_, problem_.shares_[next_.bit]);
  const size_t is_best = error < least_error_ - kLittle * coarsest;
  const double errors[] = {least_error_, error};
  least_error_ = errors[is_best];
  coarsest_ = coarsest * static_cast<float>(1 - static_cast<int>(is_best));
  n_best_steps_ += is_best * (flipped_.size() - n_best_steps_);
  return flipped_.size() - n_best_steps_ <= patience_;
}

// Twice the change since the start. From sums of integers, and from <v, e> itself instead of pulls
// that every step rounds: signs that come back shall have the error that they had, or the search
// could go round in circles.
double FlipSearch::error_now() const noexcept { return change_ + along_scale_ * factor_ * factor_; }

// What the flip changes is added to the costs by the next step.
void FlipSearch::flip(size_t j) {
  const float pull = pulls_[j], factor_change = factor_step_ * problem_.shares_[j] * pull;
  const int own_pull = rounded_short(factor_change * pull / 32768.0f);
  change_ += (2 * costs_[j] + n_halves_ - own_pull) * problem_.shares_[j];
  factor_ += factor_change;
  update_ = {&problem_.doubled_[j * problem_.width()], signs_[j], rounded_short(factor_)};
  signs_[j] = static_cast<int16_t>(~signs_[j]);
  pulls_[j] = static_cast<int16_t>(-pulls_[j]);
  if (flipped_.size() >= tenure_) {
    const size_t rested = flipped_[flipped_.size() - tenure_];
    costs_[rested] = saturated(costs_[rested] - kRest);
    rests_[rested] = 0;
  }
  // The next step takes 1 from it, where 1/2 is meant: given back when the sign becomes negative,
  // so that two flips of a sign cancel.
  costs_[j] = saturated(own_pull - costs_[j] - n_halves_ - signs_[j] + kRest);
  rests_[j] = 1;
  flipped_.push_back(static_cast<uint32_t>(j));
}

void FlipSearch::pack_best(uint8_t* packed) noexcept {
  const size_t n_bits = problem_.n_bits();
  int16_t* signs = signs_.data();
  for (size_t step = n_best_steps_; step < flipped_.size(); ++step) {
    int16_t& sign = signs[flipped_[step]];
    sign = static_cast<int16_t>(~sign);
  }
  std::fill(pairs_.begin(), pairs_.end(), uint16_t{0});
  uint16_t* pairs = pairs_.data();
  for_dealt_bits(n_bits, [=](size_t column, size_t pair, uint16_t mask) {
    pairs[pair] = static_cast<uint16_t>(pairs[pair] | (~signs[column] & mask));
  });
  for (size_t byte = 0; byte < (n_bits + 7) / 8; ++byte)
    packed[byte] = static_cast<uint8_t>(pairs[byte / 2] >> byte % 2 * 8);
}

}  // namespace bitindex
