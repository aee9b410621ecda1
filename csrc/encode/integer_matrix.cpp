#include "encode/integer_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace bitindex {
namespace {

constexpr float kLength = 32767.0f;

// In double, where no square of a float overflows or vanishes.
double length_of(const float* x, size_t n) noexcept {
  constexpr size_t kLanes = 8;
  double squares[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (size_t j = 0; j < kLanes; ++j)
      squares[j] += static_cast<double>(x[i + j]) * static_cast<double>(x[i + j]);
  for (; i < n; ++i) squares[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  double sum = 0.0;
  for (size_t j = 0; j < kLanes; ++j) sum += squares[j];
  return std::sqrt(sum);
}

}  // namespace

float round_to_int16(const float* x, size_t n, int16_t* out) noexcept {
  const double length = length_of(x, n);
  if (!(length >= 1e-30 && length <= 1e38)) {
    std::fill(out, out + n, int16_t{0});
    return 0.0f;
  }
  const float factor = kLength / static_cast<float>(length);
  constexpr float kShift = 12582912.0f;  // 3 * 2^22: adding and subtracting it rounds
  for (size_t i = 0; i < n; ++i)
    out[i] = static_cast<int16_t>(static_cast<int32_t>((x[i] * factor + kShift) - kShift));
  return static_cast<float>(length) / kLength;
}

IntegerMatrix::IntegerMatrix(const float* matrix, size_t n_rows, size_t n_columns, bool transposed)
    : n_pairs_(((transposed ? n_columns : n_rows) + 1) / 2),
      n_panels_(((transposed ? n_rows : n_columns) + kWidth - 1) / kWidth),
      memory_(make_aligned(n_panels_ * panel_stride() * sizeof(int16_t))),
      scales_(width()) {
  const size_t n_dims = transposed ? n_columns : n_rows;
  const size_t n_sums = transposed ? n_rows : n_columns;
  auto* entries = reinterpret_cast<int16_t*>(memory_.get());
  std::memset(entries, 0, n_panels_ * panel_stride() * sizeof(int16_t));
  std::vector<float> column(n_dims);
  std::vector<int16_t> rounded(n_dims);
  for (size_t c = 0; c < n_sums; ++c) {
    for (size_t k = 0; k < n_dims; ++k)
      column[k] = transposed ? matrix[c * n_columns + k] : matrix[k * n_columns + c];
    scales_[c] = round_to_int16(column.data(), n_dims, rounded.data());
    int16_t* pairs = entries + c / kWidth * panel_stride() + c % kWidth * 2;
    for (size_t k = 0; k < n_dims; ++k) pairs[k / 2 * 2 * kWidth + k % 2] = rounded[k];
  }
}

}  // namespace bitindex
