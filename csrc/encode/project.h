// Rows times a matrix, with results that depend on nothing but the row and the matrix.
#pragma once

#include "encode/row_work.h"

namespace bitindex {

// out (n_rows, n_columns) = (rows (n_rows, n_dims) - center) * matrix (n_dims, n_columns): each
// number is added up in float32 with the dimensions in ascending order, products rounded first. All
// row-major; center may be null.
void project(const RowWork& work, const float* rows, size_t n_rows, size_t n_dims,
             const float* center, const float* matrix, size_t n_columns, float* out);

}  // namespace bitindex
