#include "encode/level_codes.h"

#include <cmath>
#include <cstring>
#include <vector>

namespace bitindex {
namespace {

// Half of the levels, m + 1/2 with m = rint(t x - 1/2) up to `most`, for magnitudes x.
struct Fit {
  float t, product, squares;

  // Of the cosine between levels and magnitudes, squared.
  float score() const { return product * product / squares; }
};

Fit fit_at(const KernelTable& kernels, const float* magnitudes, size_t d, float most, float t) {
  Fit fit = {t, 0.0f, 0.0f};
  kernels.level_sums(magnitudes, d, t, most, &fit.product, &fit.squares);
  return fit;
}

// Over lanes, so that compilers may use vectors.
float largest_of(const float* x, size_t d) {
  constexpr size_t kLanes = 16;
  float lanes[kLanes] = {};
  for (size_t i = 0; i < d / kLanes * kLanes; i += kLanes)
    for (size_t j = 0; j < kLanes; ++j) lanes[j] = lanes[j] < x[i + j] ? x[i + j] : lanes[j];
  for (size_t i = d / kLanes * kLanes; i < d; ++i) lanes[0] = std::max(lanes[0], x[i]);
  return *std::max_element(lanes, lanes + kLanes);
}

// The t of the best cosine: 16 steps from half of what makes the largest level reach the largest
// magnitude to 2.5 times that, then 16 finer ones around the best. From 128 dimensions on, an exact
// sweep over all t where a level changes would lower the error by less than 1 % up to 6 bits.
Fit best_fit(const KernelTable& kernels, const float* magnitudes, size_t d, float most) {
  const float largest = most > 0.0f ? largest_of(magnitudes, d) : 0.0f;
  if (largest == 0.0f) return fit_at(kernels, magnitudes, d, most, 0.0f);
  constexpr float kStep = 1.1133f;  // 5^(1/15)
  float t = 0.5f * (most + 1.0f) / largest;
  Fit best = fit_at(kernels, magnitudes, d, most, t);
  const auto look_at = [&](float other) {
    const Fit fit = fit_at(kernels, magnitudes, d, most, other);
    if (fit.score() > best.score()) best = fit;
  };
  for (int i = 0; i < 15; ++i) look_at(t *= kStep);
  const float middle = best.t, fine = (kStep - 1.0f) / 9.0f;
  for (int i = 1; i <= 8; ++i) {
    look_at(middle * (1.0f - fine * static_cast<float>(i)));
    look_at(middle * (1.0f + fine * static_cast<float>(i)));
  }
  return best;
}

// Eight comparisons become eight bytes of 0 or 1, which one multiplication moves into one byte, the
// first to the highest bit.
void write_signs(const float* r, size_t d, uint8_t* packed) {
  for (size_t i = 0; i < d; i += 8, ++packed) {
    uint8_t positive[8] = {};
    if (i + 8 <= d)
      for (size_t j = 0; j < 8; ++j) positive[j] = r[i + j] > 0.0f;
    else
      for (size_t j = 0; i + j < d; ++j) positive[j] = r[i + j] > 0.0f;
    uint64_t bytes;
    std::memcpy(&bytes, positive, sizeof bytes);
    *packed = static_cast<uint8_t>(bytes * 0x8040201008040201u >> 56);
  }
}

void write_levels(const float* r, const float* magnitudes, size_t d, size_t bits_per_dim, float t,
                  uint8_t* packed) {
  const int32_t most = (1 << (bits_per_dim - 1)) - 1;
  uint32_t bits = 0;
  size_t n_here = 0;
  for (size_t i = 0; i < d; ++i) {
    const auto m = static_cast<int32_t>((t * magnitudes[i] - 0.5f + 12582912.0f) - 12582912.0f);
    const int32_t clipped = std::min(m, most);
    const int32_t v = r[i] > 0.0f ? most + 1 + clipped : most - clipped;
    bits = bits << bits_per_dim | static_cast<uint32_t>(v);
    n_here += bits_per_dim;
    if (n_here >= 8) {
      n_here -= 8;
      *packed++ = static_cast<uint8_t>(bits >> n_here);
    }
  }
  if (n_here > 0) *packed = static_cast<uint8_t>(bits << (8 - n_here));
}

void write_factors(const Fit& fit, float squared_length, size_t d, size_t n_factors,
                   float* factors) {
  const double product = fit.product, squares = fit.squares, squared = squared_length;
  const bool positive = product > 0.0;
  factors[0] = positive ? static_cast<float>(squared / (2.0 * product)) : 0.0f;
  if (n_factors < 2) return;
  const double spread = positive ? squared * squares / (product * product) - 1.0 : 0.0;
  const double n_free = static_cast<double>(std::max<size_t>(d, 2) - 1);
  factors[1] = static_cast<float>(std::sqrt(squared * std::max(spread, 0.0) / n_free));
}

}  // namespace

void encode_levels(const RowWork& work, const Rotation& rotation, const float* rows, size_t n_rows,
                   const float* center, size_t bits_per_dim, const LevelCodes& codes) {
  const size_t d = rotation.n_dims(), n_bytes = (d * bits_per_dim + 7) / 8;
  const auto most = static_cast<float>((1 << (bits_per_dim - 1)) - 1);
  for_each_part(work, n_rows, d, [&](size_t first, size_t n) {
    std::vector<float> rotated(d), magnitudes(d);
    for (size_t i = first; i < first + n; ++i) {
      subtract_center(rows + i * d, 1, d, center, rotated.data());
      rotation.apply(rotated.data());
      for (size_t j = 0; j < d; ++j) magnitudes[j] = std::abs(rotated[j]);
      const Fit fit = best_fit(work.kernels, magnitudes.data(), d, most);
      if (bits_per_dim == 1)
        write_signs(rotated.data(), d, codes.packed + i * n_bytes);
      else
        write_levels(rotated.data(), magnitudes.data(), d, bits_per_dim, fit.t,
                     codes.packed + i * n_bytes);
      const float squared = work.kernels.dot[kFloat32](rotated.data(), rotated.data(), 1.0f, d);
      write_factors(fit, squared, d, codes.n_factors, codes.factors + i * codes.n_factors);
    }
  });
}

}  // namespace bitindex
