#include "encode/panels.h"

#include <algorithm>
#include <cstring>

namespace bitindex {

Panels::Panels(const float* matrix, size_t n_dims, size_t n_columns, size_t first)
    : n_dims_(n_dims),
      n_panels_((n_columns - first + kWidth - 1) / kWidth),
      memory_(make_aligned(n_panels_ * n_dims * kWidth * sizeof(float))) {
  auto* panel = reinterpret_cast<float*>(memory_.get());
  for (size_t column = first; column < n_columns; column += kWidth)
    for (size_t k = 0; k < n_dims; ++k, panel += kWidth) {
      const size_t n = std::min(kWidth, n_columns - column);
      std::memcpy(panel, matrix + k * n_columns + column, n * sizeof(float));
      std::fill(panel + n, panel + kWidth, 0.0f);
    }
}

}  // namespace bitindex
