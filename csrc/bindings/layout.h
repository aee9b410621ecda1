// IndexLayout from Python's keyword arguments; every index kind takes the same.
#pragma once

#include <string>

#include "index/index.h"

namespace bitindex {

// vector_type: 0 float32, 1 float16, 2 int8; n_dims = 0 keeps no vectors.
inline IndexLayout make_layout(size_t n_bits, const std::string& metric, bool big_endian,
                               bool has_scales, bool has_offsets, int vector_type, size_t n_dims) {
  if (vector_type < 0 || vector_type >= kVectorTypes)
    throw std::invalid_argument("vector_type must be 0, 1 or 2");
  IndexLayout layout;
  layout.n_bits = n_bits;
  layout.metric = metric;
  layout.big_endian = big_endian;
  layout.has_scales = has_scales;
  layout.has_offsets = has_offsets;
  layout.vectors = {static_cast<VectorType>(vector_type), n_dims};
  return layout;
}

}  // namespace bitindex
