#include "encode/rotation.h"

#include <cmath>

namespace bitindex {

Rotation::Rotation(const KernelTable& kernels, const float* signs, size_t n_dims, bool inverse)
    : kernels_(kernels), n_dims_(n_dims) {
  size_t n = 1;
  while (2 * n <= n_dims) n *= 2;
  const float scale = 1.0f / std::sqrt(static_cast<float>(n));
  for (size_t i = 0; i < kRounds; ++i) {
    const size_t round = inverse ? kRounds - 1 - i : i;
    const size_t first = round % 2 == 0 ? 0 : n_dims - n;
    Step step = {first, n, std::vector<float>(n_dims, 1.0f)};
    // A transform is its own inverse; the signs that came before it come after it then.
    const size_t from = inverse ? round + 1 : round;
    if (from < kRounds) step.factors.assign(signs + from * n_dims, signs + (from + 1) * n_dims);
    for (size_t j = first; j < first + n; ++j) step.factors[j] *= scale;
    steps_.push_back(std::move(step));
  }
  if (inverse) steps_.push_back({0, 1, std::vector<float>(signs, signs + n_dims)});
}

void Rotation::apply(float* x) const noexcept {
  for (const Step& step : steps_)
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
