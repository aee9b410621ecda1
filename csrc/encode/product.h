// A row-major matrix, made ready to be multiplied with rows.
#pragma once

#include <vector>

#include "encode/panels.h"

namespace bitindex {

class Product {
 public:
  // A matrix (n_dims, n_columns), which must outlive this, to be multiplied with n_rows rows in
  // all: for few of them most of it is read where it lies.
  Product(const float* matrix, size_t n_dims, size_t n_columns, size_t n_rows);

  // out (n_rows, n_columns) = rows (n_rows, n_dims) * matrix: each number is added up in float32
  // with the dimensions in ascending order, products rounded first.
  void multiply(const KernelTable& kernels, const float* rows, size_t n_rows, float* out) const;

 private:
  // Columns of the result that are computed together.
  struct Columns {
    size_t first, n;  // n <= Panels::kWidth * n_panels
    const float* matrix;
    size_t n_panels, panel_stride, row_stride;
  };

  size_t n_dims_, n_columns_, n_in_place_;
  Panels panels_;
  std::vector<Columns> parts_;
};

}  // namespace bitindex
