// What defines a coder of additive.h.
#pragma once

#include <cstddef>

namespace bitindex {

// Row-major matrices.
struct AdditiveMatrices {
  size_t n_dims, n_bits;
  const float* center;        // (d): r = row - center
  const float* along_center;  // (d): v = r + along_center
  const float* decoder;       // D (d, m)
  const float* weighted;      // W D (d, m)
  const float* evidence;      // (d, m) for the start, and
  const float* feedback;      // (m, m), zeros where the column is <= the row: see cancellation.h
  float along_weight;
};

}  // namespace bitindex
