#include "encode/integer_matrix.h"

#include <algorithm>

namespace bitindex {
namespace {

// Rounds x / scale + offset, for a scale that makes the largest magnitude `most`.
float round_to_bytes(const KernelTable& kernels, const float* x, size_t n, float most, int offset,
                     uint8_t* out) noexcept {
  const float largest = kernels.largest_magnitude(x, n);
  if (!(largest >= 1e-30f && largest <= 1e38f)) {
    std::fill(out, out + n, static_cast<uint8_t>(offset));
    return 0.0f;
  }
  kernels.round_bytes(x, most / largest, offset, n, out);
  return largest / most;
}

}  // namespace

RoundedRows::RoundedRows(const KernelTable& kernels, size_t n_rows, size_t stride)
    : kernels_(kernels), stride_(stride), bytes_(n_rows * stride), scales_(n_rows) {}

void RoundedRows::round(size_t row, const float* x, size_t n) noexcept {
  scales_[row] = round_to_bytes(kernels_, x, n, 63.0f, kRowOffset, &bytes_[row * stride_]);
}

void RoundedRows::subtract(size_t row, float* x, size_t n) const noexcept {
  const uint8_t* bytes = &bytes_[row * stride_];
  for (size_t k = 0; k < n; ++k)
    x[k] -= scales_[row] * static_cast<float>(static_cast<int>(bytes[k]) - kRowOffset);
}

IntegerMatrix::IntegerMatrix(const KernelTable& kernels, const float* matrix, size_t n_rows,
                             size_t n_columns, const Options& options)
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
    set_column(kernels, c, options.offset, column);
  }
}

void IntegerMatrix::set_column(const KernelTable& kernels, size_t column, int offset,
                               std::vector<float>& entries) noexcept {
  std::vector<uint8_t> bytes(entries.size());
  for (size_t layer = 0; layer < n_layers_; ++layer) {
    const size_t place = layer * width() + column;
    const float scale =
        round_to_bytes(kernels, entries.data(), entries.size(), 127.0f, 0, bytes.data());
    scales_[place] = scale;
    int8_t* quads = &quads_[place / kWidth * panel_stride() + place % kWidth * 4];
    for (size_t k = 0; k < entries.size(); ++k) {
      const auto rounded = static_cast<int8_t>(bytes[k]);
      quads[k / 4 * 4 * kWidth + k % 4] = rounded;
      starts_[place] -= offset * rounded;
      entries[k] -= scale * static_cast<float>(rounded);
    }
  }
}

void IntegerMatrix::add_products(const KernelTable& kernels, const ByteRows& rows, size_t n_columns,
                                 float* out, size_t out_stride, int32_t* sums) const noexcept {
  kernels.multiply_int8(rows.bytes, rows.n_rows, rows.stride, n_quads_, quads_.data(),
                        n_layers_ * n_panels_, panel_stride(), starts_.data(), sums);
  for (size_t i = 0; i < rows.n_rows; ++i, sums += n_sums())
    for (size_t first = 0; first < n_sums(); first += width())
      kernels.add_scaled(sums + first, &scales_[first], rows.scales[i], n_columns,
                         out + i * out_stride);
}

void IntegerMatrix::add_panel_products(const KernelTable& kernels, const ByteRows& rows,
                                       size_t panel, size_t first, size_t last, float* out,
                                       size_t out_stride, int32_t* sums) const noexcept {
  for (size_t layer = 0; layer < n_layers_; ++layer) {
    const size_t place = layer * n_panels_ + panel;
    kernels.multiply_int8(rows.bytes + first, rows.n_rows, rows.stride, (last - first) / 4,
                          &quads_[place * panel_stride() + first * kWidth], 1, panel_stride(),
                          &starts_[place * kWidth], sums);
    for (size_t i = 0; i < rows.n_rows; ++i)
      kernels.add_scaled(sums + i * kWidth, &scales_[place * kWidth], rows.scales[i], kWidth,
                         out + i * out_stride);
  }
}

}  // namespace bitindex
