// The start of a search: signs b by successive cancellation,
//
//   b_i = sign(left_i),   left_i = row i of evidence - feedback from b_0 ... b_(i-1),
//
// with the weights that are best for Gaussian bits ("decision feedback", "Babai"). Where
// L^T L = noise + D^T W D, L is lower triangular and l its diagonal, evidence is r^T W D L^-1 / l,
// and feedback what L / l has below its diagonal. What is left over then tells the gradient
//
//   D^T W (r - D b) = noise b + L^T l (left - b)
//
// without the products with D and W D. It has the rounding of r in it, which is too coarse for
// codes of a small error: those of many bits a dimension.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "encode/additive_matrices.h"
#include "encode/integer_matrix.h"

namespace bitindex {

class Cancellation {
 public:
  // `gram` is D^T W D, with its rows `stride` apart; products with signs have n_layers.
  Cancellation(const KernelTable& kernels, const AdditiveMatrices& matrices, const float* gram,
               size_t stride, size_t n_layers);

  // A row times this is its evidence: width() numbers, n_bits up to a multiple of 16.
  const IntegerMatrix& evidence() const noexcept { return evidence_; }
  size_t width() const noexcept { return evidence_.width(); }

  // Decides signs: rows of width() bytes, 0 or 2, that stand for -1 times the sign. Takes what is
  // fed back out of the evidence. `sums` has room for width() a row.
  void decide(const KernelTable& kernels, const ByteRows& signs, float* evidence,
              int32_t* sums) const;

  // Whether the gradient is to be had, and precise enough.
  bool tells_gradient() const noexcept { return later_.has_value(); }
  // Makes what decide() left of the evidence the gradient. `rounded` has room for width() a row.
  void to_gradient(const KernelTable& kernels, const uint8_t* signs, float* left,
                   RoundedRows& rounded, int32_t* sums) const;

 private:
  void learn_gradient(const KernelTable& kernels, const AdditiveMatrices& matrices,
                      const float* gram, size_t stride);

  size_t n_bits_;
  IntegerMatrix evidence_;
  IntegerMatrix earlier_;      // feedback from earlier blocks of 16 bits
  std::vector<float> blocks_;  // (width, 16): that from the same block
  // For gradients: all feedback, transposed, and l^2 (width).
  std::optional<IntegerMatrix> later_;
  std::vector<float> stiffness_;
  float noise_ = 0.0f;
};

}  // namespace bitindex
