// Products of rows and matrices, written once over the class Floats of each instruction set (see
// vector_kernels.h), of which they also need store and
//   kTileRows, kTileVectors   how many rows, and 16s of columns of their sums, the registers hold.
#pragma once

#include "kernel_table.h"

namespace bitindex {

// kRows rows times 16 * kVectors columns: every load of the matrix serves all rows, every load of a
// row all columns.
template <class Floats, size_t kRows, size_t kVectors>
void multiply_tile(const float* rows, size_t n_dims, const float* matrix, size_t panel_stride,
                   size_t row_stride, float* out, size_t out_stride) noexcept {
  Floats sums[kRows][kVectors];
  for (size_t r = 0; r < kRows; ++r)
    for (size_t v = 0; v < kVectors; ++v) sums[r][v] = Floats::zero();
  for (size_t k = 0; k < n_dims; ++k, matrix += row_stride) {
    Floats columns[kVectors];
    for (size_t v = 0; v < kVectors; ++v) columns[v] = Floats::load(matrix + v * panel_stride);
    for (size_t r = 0; r < kRows; ++r) {
      const Floats x = Floats::set(rows[r * n_dims + k]);
      for (size_t v = 0; v < kVectors; ++v) sums[r][v] = sums[r][v] + x * columns[v];
    }
  }
  for (size_t r = 0; r < kRows; ++r)
    for (size_t v = 0; v < kVectors; ++v) sums[r][v].store(out + r * out_stride + 16 * v);
}

template <class Floats, size_t kVectors>
void multiply_columns(const float* rows, size_t n_rows, size_t n_dims, const float* matrix,
                      size_t panel_stride, size_t row_stride, float* out,
                      size_t out_stride) noexcept {
  constexpr size_t kMost = Floats::kTileRows;
  size_t r = 0;
  for (; r + kMost <= n_rows; r += kMost)
    multiply_tile<Floats, kMost, kVectors>(rows + r * n_dims, n_dims, matrix, panel_stride,
                                           row_stride, out + r * out_stride, out_stride);
  for (; r < n_rows; ++r)
    multiply_tile<Floats, 1, kVectors>(rows + r * n_dims, n_dims, matrix, panel_stride, row_stride,
                                       out + r * out_stride, out_stride);
}

// Some columns of all rows after the other, so that these columns of the matrix stay in the cache.
template <class Floats>
void multiply_rows(const float* rows, size_t n_rows, size_t n_dims, const float* matrix,
                   size_t n_panels, size_t panel_stride, size_t row_stride, float* out) noexcept {
  constexpr size_t kMost = Floats::kTileVectors;
  const size_t out_stride = 16 * n_panels;
  size_t p = 0;
  for (; p + kMost <= n_panels; p += kMost)
    multiply_columns<Floats, kMost>(rows, n_rows, n_dims, matrix + p * panel_stride, panel_stride,
                                    row_stride, out + 16 * p, out_stride);
  for (; p < n_panels; ++p)
    multiply_columns<Floats, 1>(rows, n_rows, n_dims, matrix + p * panel_stride, panel_stride,
                                row_stride, out + 16 * p, out_stride);
}

}  // namespace bitindex
