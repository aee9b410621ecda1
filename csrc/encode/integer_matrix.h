// Products of floats by way of 8-bit integers: vectors are scaled until their largest entry is as
// large as it may be, and rounded. All sums are exact then, and every instruction set adds them up
// in the order that it likes best.
//
// Rows have entries without signs, an offset above what they stand for: kernels multiply bytes with
// and without a sign. Where one rounding is too coarse, what it leaves over is rounded too, as a
// second layer with a scale of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/aligned.h"
#include "kernels/kernel_table.h"

namespace bitindex {

// Offsets of the entries of rows: of floats that were rounded, and of signs, which are 0 and 2.
constexpr int kRowOffset = 64, kSignOffset = 1;

// Rounds x / scale + kRowOffset to numbers from 1 to 127, and returns the scale. Where no x is
// above 1e-30, or one is no finite number, all become kRowOffset.
float round_row(const KernelTable& kernels, const float* x, size_t n, uint8_t* out) noexcept;

class IntegerMatrix {
 public:
  static constexpr size_t kWidth = 16;

  struct Options {
    int offset = kRowOffset;
    size_t n_layers = 1;
    bool transposed = false;
  };

  // A row-major matrix, or its transpose, for rows with an offset. At most 2^17 rows.
  IntegerMatrix(const KernelTable& kernels, const float* matrix, size_t n_rows, size_t n_columns,
                const Options& options);

  // The length of rows to multiply, made a multiple of 4 by entries that do not count.
  size_t row_stride() const noexcept { return 4 * n_quads_; }
  // Columns with those that fill the last panel, which are zeros.
  size_t width() const noexcept { return kWidth * n_panels_; }
  // Sums of a row: one for each layer and column.
  size_t n_sums() const noexcept { return n_layers_ * width(); }

  // sums (n_rows, n_sums) of rows that lie `stride` apart, at least row_stride().
  void multiply(const KernelTable& kernels, const uint8_t* rows, size_t n_rows, size_t stride,
                int32_t* sums) const noexcept;
  // The same of 16 columns and of the first `n_dims` entries of the rows, a multiple of 4: sums
  // (n_layers, n_rows, 16). The other entries of these columns have to be zeros.
  void multiply_panel(const KernelTable& kernels, const uint8_t* rows, size_t n_rows, size_t stride,
                      size_t n_dims, size_t panel, int32_t* sums) const noexcept;

  // Adds factor * (row * matrix), from the sums of that row, to n_columns numbers.
  void add_products(const KernelTable& kernels, const int32_t* sums, float factor, size_t n_columns,
                    float* out) const noexcept;
  // The same of a row and layer of multiply_panel.
  void add_products(const KernelTable& kernels, const int32_t* sums, float factor, size_t panel,
                    size_t layer, float* out) const noexcept;
  size_t n_layers() const noexcept { return n_layers_; }

 private:
  size_t panel_stride() const noexcept { return 4 * n_quads_ * kWidth; }
  void set_column(const KernelTable& kernels, size_t column, int offset,
                  std::vector<float>& entries) noexcept;

  size_t n_quads_, n_panels_, n_layers_;
  AlignedArray<int8_t> quads_;
  std::vector<int32_t> starts_;  // (n_layers, width): what takes the offset out of sums
  std::vector<float> scales_;    // (n_layers, width)
};

}  // namespace bitindex
