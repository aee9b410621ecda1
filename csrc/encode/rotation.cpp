#include "encode/rotation.h"

#include <cmath>

namespace bitindex {

Rotation::Rotation(const KernelTable& kernels, const float* signs, size_t n_dims, bool inverse)
    : kernels_(kernels), n_dims_(n_dims) {
  size_t n = 1;
  while (2 * n <= n_dims) n *= 2;
  for (size_t i = 0; i < kRounds; ++i) {
    const size_t round = inverse ? kRounds - 1 - i : i;
    const size_t first = round % 2 == 0 ? 0 : n_dims - n;
    if (i == kRounds / 2 && n < n_dims) steps_.push_back({});
    if (!inverse) {
      add_step(first, n, signs + round * n_dims);
    } else {
      add_step(first, n, nullptr);
      add_step(0, 1, signs + round * n_dims);
    }
  }
}

void Rotation::add_step(size_t first, size_t n, const float* signs) {
  Step step = {first, n, std::vector<float>(n_dims_, 1.0f)};
  if (signs != nullptr) step.factors.assign(signs, signs + n_dims_);
  const float scale = 1.0f / std::sqrt(static_cast<float>(n));
  for (size_t j = first; j < first + n; ++j) step.factors[j] *= scale;
  steps_.push_back(std::move(step));
}

void Rotation::apply(float* x) const noexcept {
  for (const Step& step : steps_)
    if (step.factors.empty())
      std::swap_ranges(x + n_dims_ / 4, x + n_dims_ / 2, x + (n_dims_ + 1) / 2 + n_dims_ / 4);
    else
      kernels_.hadamard(x, n_dims_, step.factors.data(), step.first, step.n);
}

void rotate(const RowWork& work, const Rotation& rotation, const float* rows, size_t n_rows,
            const float* center, float* out) {
  const size_t d = rotation.n_dims();
  for_each_part(work, n_rows, d, [&](size_t first, size_t n) {
    float* here = out + first * d;
    subtract_center(rows + first * d, n, d, center, here);
    for (size_t r = 0; r < n; ++r) rotation.apply(here + r * d);
  });
}

}  // namespace bitindex
