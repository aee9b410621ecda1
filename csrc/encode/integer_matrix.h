// Products of floats by way of 16-bit integers: vectors are scaled to a length of 32,767 and
// rounded. Then no sum of some products of two vectors can leave 32 bits (Cauchy-Schwarz), all sums
// are exact, and every instruction set adds them up in the order that it likes best. A product is
// off by about 1 / 32,767 of the lengths of its two vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/aligned.h"
#include "kernels/kernel_table.h"

namespace bitindex {

// Returns the scale: x is about scale * out. Zeros where the length is below 1e-30 or no number.
float round_to_int16(const float* x, size_t n, int16_t* out) noexcept;

class IntegerMatrix {
 public:
  static constexpr size_t kWidth = 16;

  // A row-major matrix, or its transpose.
  IntegerMatrix(const float* matrix, size_t n_rows, size_t n_columns, bool transposed = false);

  // The length of rows to multiply, made even by a zero.
  size_t row_stride() const noexcept { return 2 * n_pairs_; }
  size_t n_panels() const noexcept { return n_panels_; }
  // Columns with those that fill the last panel, which are zeros.
  size_t width() const noexcept { return kWidth * n_panels_; }
  // By which the sums of a column are to be multiplied, beside the scale of the row.
  const float* scales() const noexcept { return scales_.data(); }

  // sums (n_rows, width) = rows * matrix; the rows lie `stride` apart, at least row_stride().
  void multiply(const KernelTable& kernels, const int16_t* rows, size_t n_rows, size_t stride,
                int32_t* sums) const noexcept {
    kernels.multiply_int16(rows, n_rows, stride, n_pairs_, data(), n_panels_, panel_stride(), sums);
  }
  // The same of 16 columns, and of the first `n_dims` entries of the rows, an even number.
  void multiply_panel(const KernelTable& kernels, const int16_t* rows, size_t n_rows, size_t stride,
                      size_t n_dims, size_t panel, int32_t* sums) const noexcept {
    kernels.multiply_int16(rows, n_rows, stride, n_dims / 2, data() + panel * panel_stride(), 1,
                           panel_stride(), sums);
  }

 private:
  size_t panel_stride() const noexcept { return 2 * n_pairs_ * kWidth; }
  const int16_t* data() const noexcept { return reinterpret_cast<const int16_t*>(memory_.get()); }

  size_t n_pairs_;
  size_t n_panels_;
  AlignedBytes memory_;
  std::vector<float> scales_;
};

}  // namespace bitindex
