// Second look: candidates found by their codes, scored again from stored vectors.
#pragma once

#include <cstddef>

#include "scan/scan.h"

namespace bitindex {

// How vectors lie in a column: n_dims numbers of this type, for kInt8 followed by the float that
// they are multiples of.
struct VectorLayout {
  VectorType type = kFloat32;
  size_t n_dims = 0;  // 0: no vectors are stored

  size_t row_bytes() const noexcept;
};

struct VectorQueries {
  const float* queries;  // one row of n_dims floats per query
  bool squared_l2;       // similarity is minus the squared distance, else the dot product
};

// Replaces each candidate's key by minus its similarity, and keeps the k nearest of each list.
void rescore(const Scan& scan, const Column& vectors, const VectorLayout& layout,
             const VectorQueries& queries, size_t k, CandidateLists& lists);

}  // namespace bitindex
