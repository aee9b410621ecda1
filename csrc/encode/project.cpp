#include "encode/project.h"

#include <vector>

#include "encode/product.h"

namespace bitindex {

void project(const RowWork& work, const float* rows, size_t n_rows, size_t n_dims,
             const float* center, const float* matrix, size_t n_columns, float* out) {
  const Product product(matrix, n_dims, n_columns, n_rows);
  for_each_part(work, n_rows, std::max(n_dims, n_columns), [&](size_t first, size_t n) {
    std::vector<float> centered;
    const float* here = rows + first * n_dims;
    if (center != nullptr) {
      centered.resize(n * n_dims);
      subtract_center(here, n, n_dims, center, centered.data());
      here = centered.data();
    }
    product.multiply(work.kernels, here, n, out + first * n_columns);
  });
}

}  // namespace bitindex
