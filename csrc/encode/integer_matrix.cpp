#include "encode/integer_matrix.h"

#include <algorithm>
#include <cmath>

namespace bitindex {
namespace {

// Rounds x / scale + offset, for a scale that makes the largest magnitude `most`.
template <class Byte>
float round_to_bytes(const float* x, size_t n, float most, int offset, Byte* out) noexcept {
  const float largest = largest_magnitude(x, n);
  if (!(largest >= 1e-30f && largest <= 1e38f)) {
    std::fill(out, out + n, static_cast<Byte>(offset));
    return 0.0f;
  }
  const float factor = most / largest;
  constexpr float kShift = 12582912.0f;  // 3 * 2^22: adding and subtracting it rounds
  for (size_t i = 0; i < n; ++i)
    out[i] = static_cast<Byte>(static_cast<int32_t>((x[i] * factor + kShift) - kShift) + offset);
  return largest / most;
}

}  // namespace

// Over lanes, so that compilers vectorise it. A NaN counts as infinity.
float largest_magnitude(const float* x, size_t n) noexcept {
  constexpr size_t kLanes = 16;
  uint32_t most[kLanes] = {};  // of floats without their sign, which are in the order of their bits
  const auto take = [&](size_t i, size_t lane) noexcept {
    uint32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    const int32_t magnitude = static_cast<int32_t>(bits & 0x7fffffffu);
    most[lane] = std::max(static_cast<int32_t>(most[lane]), magnitude);
  };
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane) take(i + lane, lane);
  for (; i < n; ++i) take(i, 0);
  float largest;
  std::memcpy(&largest, std::max_element(most, most + kLanes), sizeof largest);
  return largest;
}

float round_row(const float* x, size_t n, uint8_t* out) noexcept {
  return round_to_bytes(x, n, 63.0f, kRowOffset, out);
}

IntegerMatrix::IntegerMatrix(const float* matrix, size_t n_rows, size_t n_columns,
                             const Options& options)
    : n_quads_(((options.transposed ? n_columns : n_rows) + 3) / 4),
      n_panels_(((options.transposed ? n_rows : n_columns) + kWidth - 1) / kWidth),
      n_layers_(options.n_layers),
      quads_(n_layers_ * n_panels_ * panel_stride()),
      starts_(n_sums()),
      scales_(n_sums()) {
  const size_t n_dims = options.transposed ? n_columns : n_rows;
  std::vector<float> column(n_dims);
  for (size_t c = 0; c < (options.transposed ? n_rows : n_columns); ++c) {
    for (size_t k = 0; k < n_dims; ++k)
      column[k] = options.transposed ? matrix[c * n_columns + k] : matrix[k * n_columns + c];
    set_column(c, options.offset, column);
  }
}

void IntegerMatrix::set_column(size_t column, int offset, std::vector<float>& entries) noexcept {
  std::vector<int8_t> rounded(entries.size());
  for (size_t layer = 0; layer < n_layers_; ++layer) {
    const size_t place = layer * width() + column;
    const float scale = round_to_bytes(entries.data(), entries.size(), 127.0f, 0, rounded.data());
    scales_[place] = scale;
    int8_t* quads = &quads_[place / kWidth * panel_stride() + place % kWidth * 4];
    for (size_t k = 0; k < entries.size(); ++k) {
      quads[k / 4 * 4 * kWidth + k % 4] = rounded[k];
      starts_[place] -= offset * rounded[k];
      entries[k] -= scale * static_cast<float>(rounded[k]);
    }
  }
}

void IntegerMatrix::multiply(const KernelTable& kernels, const uint8_t* rows, size_t n_rows,
                             size_t stride, int32_t* sums) const noexcept {
  kernels.multiply_int8(rows, n_rows, stride, n_quads_, quads_.data(), n_layers_ * n_panels_,
                        panel_stride(), starts_.data(), sums);
}

void IntegerMatrix::multiply_panel(const KernelTable& kernels, const uint8_t* rows, size_t n_rows,
                                   size_t stride, size_t n_dims, size_t panel,
                                   int32_t* sums) const noexcept {
  for (size_t layer = 0; layer < n_layers_; ++layer, sums += n_rows * kWidth) {
    const size_t place = layer * n_panels_ + panel;
    kernels.multiply_int8(rows, n_rows, stride, n_dims / 4, &quads_[place * panel_stride()], 1,
                          panel_stride(), &starts_[place * kWidth], sums);
  }
}

void IntegerMatrix::add_products(const int32_t* sums, float factor, size_t n_columns,
                                 float* out) const noexcept {
  for (size_t first = 0; first < n_sums(); first += width())
    for (size_t j = 0; j < n_columns; ++j)
      out[j] += static_cast<float>(sums[first + j]) * (factor * scales_[first + j]);
}

void IntegerMatrix::add_products(const int32_t* sums, float factor, size_t panel, size_t layer,
                                 float* out) const noexcept {
  const float* scales = &scales_[layer * width() + panel * kWidth];
  for (size_t j = 0; j < kWidth; ++j) out[j] += static_cast<float>(sums[j]) * (factor * scales[j]);
}

}  // namespace bitindex
