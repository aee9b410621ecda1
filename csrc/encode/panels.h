// A matrix laid out for multiplication: its columns in panels of 16, next to each other.
#pragma once

#include <cstddef>

#include "codes/aligned.h"
#include "kernels/kernel_table.h"

namespace bitindex {

class Panels {
 public:
  static constexpr size_t kWidth = 16;

  // The columns from `first` on of a row-major matrix.
  Panels(const float* matrix, size_t n_dims, size_t n_columns, size_t first = 0);

  size_t n_panels() const noexcept { return n_panels_; }
  // Columns with those that fill the last panel, which are zeros.
  size_t width() const noexcept { return kWidth * n_panels_; }
  size_t panel_stride() const noexcept { return n_dims_ * kWidth; }
  const float* data() const noexcept { return reinterpret_cast<const float*>(memory_.get()); }

  // out (n_rows, width) = rows (n_rows, n_dims) * matrix; see KernelTable::multiply_rows.
  void multiply(const KernelTable& kernels, const float* rows, size_t n_rows,
                float* out) const noexcept {
    kernels.multiply_rows(rows, n_rows, n_dims_, data(), n_panels_, panel_stride(), kWidth, out);
  }

 private:
  size_t n_dims_;
  size_t n_panels_;
  AlignedBytes memory_;
};

}  // namespace bitindex
