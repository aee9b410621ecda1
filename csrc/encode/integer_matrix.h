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

// Rows to multiply, `stride` apart: row i stands for scales[i] times its bytes less their offset.
struct ByteRows {
  uint8_t* bytes;
  const float* scales;
  size_t n_rows, stride;
};

// Rows of floats x, rounded to numbers x / scale + kRowOffset from 1 to 127. Where no x of a row is
// above 1e-30, or one is no finite number, all become kRowOffset.
class RoundedRows {
 public:
  // Room for rows of at most `stride` entries.
  RoundedRows(const KernelTable& kernels, size_t n_rows, size_t stride);

  size_t n_rows() const noexcept { return scales_.size(); }
  void round(size_t row, const float* x, size_t n) noexcept;
  // What rounding left over, in place of the x that were rounded.
  void subtract(size_t row, float* x, size_t n) const noexcept;
  ByteRows rows() noexcept { return {bytes_.data(), scales_.data(), n_rows(), stride_}; }

 private:
  const KernelTable& kernels_;
  size_t stride_;
  std::vector<uint8_t> bytes_;
  std::vector<float> scales_;
};

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

  // Adds the rows times the matrix to the first n_columns numbers of rows that lie `out_stride`
  // apart. `sums` has room for n_sums() a row.
  void add_products(const KernelTable& kernels, const ByteRows& rows, size_t n_columns, float* out,
                    size_t out_stride, int32_t* sums) const noexcept;
  // The same of the 16 columns of a panel, which have zeros but in the rows of the matrix from
  // `first` to before `last`, multiples of 4.
  void add_panel_products(const KernelTable& kernels, const ByteRows& rows, size_t panel,
                          size_t first, size_t last, float* out, size_t out_stride,
                          int32_t* sums) const noexcept;

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
