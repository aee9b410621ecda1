#include "encode/flip_search.h"

#include <algorithm>
#include <cstring>

namespace bitindex {
namespace {

constexpr size_t kTenure = 8;  // steps that a flipped sign rests

void toggle(std::vector<uint16_t>& set, size_t j) noexcept {
  set[j / 16] = static_cast<uint16_t>(set[j / 16] ^ 1u << j % 16);
}

bool contains(const std::vector<uint16_t>& set, size_t j) noexcept {
  return (set[j / 16] >> j % 16 & 1) != 0;
}

}  // namespace

// Even where patience is 0 the last flip rests, because its cost is only known after the next pass.
FlipSearch::FlipSearch(const KernelTable& kernels, const FlipProblem& problem)
    : kernels_(kernels),
      problem_(problem),
      tenure_(problem.patience > 0 ? kTenure : 1),
      most_steps_(4 * problem.n_bits + problem.patience),
      costs_(problem.width),
      along_(problem.width),
      negative_(problem.width / 16),
      best_(problem.width / 16),
      free_(problem.width / 16),
      resting_signs_(tenure_) {}

// The first pass adds the pull along v to the costs, each other one what a flip changes.
void FlipSearch::start(const FlipStart& start) noexcept {
  const size_t width = problem_.width, n_bits = problem_.n_bits;
  for (size_t j = 0; j < width; ++j) {
    const float sign = start.signs[j], along = start.along[j];
    const float own = 0.5f * problem_.doubled[j * width + j] + problem_.along_weight * along * along;
    costs_[j] = sign * start.gradient[j] + own;
    along_[j] = sign * along;
  }
  std::fill(negative_.begin(), negative_.end(), uint16_t{0});
  std::fill(free_.begin(), free_.end(), uint16_t{0});
  for (size_t j = 0; j < n_bits; ++j)
    if (start.signs[j] < 0) toggle(negative_, j);
  for (size_t j = 0; j < n_bits; ++j) toggle(free_, j);
  best_ = negative_;
  update_ = {&problem_.doubled[width * width], 0, problem_.along_weight * start.left_along};
  flipped_ = n_steps_ = since_best_ = 0;
  change_ = least_ = 0.0f;
}

bool FlipSearch::step() noexcept {
  const size_t j = kernels_.next_flip(update_, along_.data(), negative_.data(), free_.data(),
                                      problem_.width, costs_.data());
  if (n_steps_ > 0) costs_[flipped_] = flipped_cost_;
  if (j >= problem_.n_bits || n_steps_ == most_steps_) return false;
  if (problem_.patience == 0 && !(costs_[j] < 0.0f)) return false;
  change_ += costs_[j];
  flip(j);
  rest(j);
  ++n_steps_;
  if (change_ < least_) {
    least_ = change_;
    since_best_ = 0;
    best_ = negative_;
    return true;
  }
  return ++since_best_ <= problem_.patience;
}

void FlipSearch::flip(size_t j) noexcept {
  const bool negative = contains(negative_, j);
  update_ = {&problem_.doubled[j * problem_.width], static_cast<uint16_t>(negative ? 0xffff : 0),
             2.0f * problem_.along_weight * along_[j]};
  toggle(negative_, j);
  along_[j] = -along_[j];
  flipped_ = j;
  flipped_cost_ = -costs_[j];
}

void FlipSearch::rest(size_t j) noexcept {
  size_t& place = resting_signs_[n_steps_ % tenure_];
  if (n_steps_ >= tenure_) toggle(free_, place);
  place = j;
  toggle(free_, j);
}

void FlipSearch::pack_best(uint8_t* packed) const noexcept {
  std::memset(packed, 0, (problem_.n_bits + 7) / 8);
  for (size_t j = 0; j < problem_.n_bits; ++j)
    packed[j / 8] = static_cast<uint8_t>(packed[j / 8] | !contains(best_, j) << (7 - j % 8));
}

}  // namespace bitindex
