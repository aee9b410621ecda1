// A random rotation that takes d log d operations instead of d^2, for any number of dimensions d.
//
// Four rounds of random signs and a Walsh-Hadamard transform over the largest power of two p of
// coordinates that d holds. Where that is not all of them, codes still need no padding: the leading
// and the trailing p take turns, and after two rounds the second and the last quarter change
// places, because these windows may share few coordinates. All of this is orthogonal: H H^T = p I.
// Source: Ailon & Chazelle, "The fast Johnson-Lindenstrauss transform", 2009.
#pragma once

#include <vector>

#include "encode/row_work.h"

namespace bitindex {

class Rotation {
 public:
  static constexpr size_t kRounds = 4;

  // signs: kRounds rows of n_dims numbers +1 or -1. `inverse` undoes the rotation of these signs.
  Rotation(const KernelTable& kernels, const float* signs, size_t n_dims, bool inverse = false);

  size_t n_dims() const noexcept { return n_dims_; }
  // In place.
  void apply(float* x) const noexcept;

 private:
  // Multiplies by factors and transforms n coordinates from `first` on, of which n = 1 stays as it
  // is. Without factors it lets the quarters change places.
  struct Step {
    size_t first, n;
    std::vector<float> factors;
  };

  void add_step(size_t first, size_t n, const float* signs);

  const KernelTable& kernels_;
  size_t n_dims_;
  std::vector<Step> steps_;
};

// out (n_rows, n_dims) = the rotated rows minus center, which may be null.
void rotate(const RowWork& work, const Rotation& rotation, const float* rows, size_t n_rows,
            const float* center, float* out);

}  // namespace bitindex
