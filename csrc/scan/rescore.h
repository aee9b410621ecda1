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

// Exact keys of rows: minus the similarity of their vectors.
class VectorScore {
 public:
  VectorScore(const KernelTable& kernels, const Column& vectors, const VectorLayout& layout,
              const VectorQueries& queries)
      : kernels_(kernels), vectors_(vectors), layout_(layout), queries_(queries) {}

  // Gives n candidates of query q their exact keys; `exact` may be `candidates`.
  void score(size_t q, const Candidate* candidates, size_t n, Candidate* exact) const noexcept;

 private:
  const KernelTable& kernels_;
  const Column& vectors_;
  const VectorLayout& layout_;
  const VectorQueries& queries_;
};

// Candidates of a task: parts of a list, so that a single query uses all threads too.
constexpr size_t kRescoredPerTask = 256;

// Replaces each candidate's key by the exact one, and keeps the k nearest of each list.
void rescore(const Scan& scan, const VectorScore& score, size_t k, CandidateLists& lists);

}  // namespace bitindex
