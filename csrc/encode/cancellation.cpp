#include "encode/cancellation.h"

#include <algorithm>

namespace bitindex {
namespace {

constexpr size_t kBlock = IntegerMatrix::kWidth;
// Signs that are taken for Gaussian decode to rows that are too short, by a tenth or more with one
// bit a dimension, and the search pays for that most: so they are decided for longer rows.
constexpr float kStretch = 1.2f;

// The feedback from earlier blocks alone.
std::vector<float> earlier_feedback(const AdditiveMatrices& matrices) {
  const size_t m = matrices.n_bits;
  std::vector<float> feedback(matrices.feedback, matrices.feedback + m * m);
  for (size_t i = 0; i < m; ++i)
    std::fill_n(&feedback[i * m], std::min(m, (i / kBlock + 1) * kBlock), 0.0f);
  return feedback;
}

}  // namespace

Cancellation::Cancellation(const KernelTable& kernels, const AdditiveMatrices& matrices,
                           const float* gram, size_t stride, size_t n_layers)
    : n_bits_(matrices.n_bits),
      evidence_(kernels, matrices.evidence, matrices.n_dims, n_bits_, {}),
      earlier_(kernels, earlier_feedback(matrices).data(), n_bits_, n_bits_,
               {kSignOffset, n_layers, false}),
      blocks_(width() * kBlock) {
  const size_t m = n_bits_;
  for (size_t i = 0; i < m; ++i)
    for (size_t j = i / kBlock * kBlock; j < std::min(m, (i / kBlock + 1) * kBlock); ++j)
      blocks_[i * kBlock + j % kBlock] = matrices.feedback[i * m + j];
  if (m <= matrices.n_dims) learn_gradient(kernels, matrices, gram, stride);
}

// The last columns of W D and of the evidence are alike but for the last l^2, which is
// noise + gram; from there on upwards the diagonal of L^T L tells one l after the other.
void Cancellation::learn_gradient(const KernelTable& kernels, const AdditiveMatrices& matrices,
                                  const float* gram, size_t stride) {
  const size_t m = n_bits_;
  double product = 0.0, square = 0.0;
  for (size_t k = 0; k < matrices.n_dims; ++k) {
    const double evidence = matrices.evidence[k * m + m - 1];
    product += evidence * matrices.weighted[k * m + m - 1];
    square += evidence * evidence;
  }
  if (!(square > 0.0)) return;
  const double noise = product / square - gram[(m - 1) * stride + m - 1];
  std::vector<double> stiffness(m);
  for (size_t i = m; i-- > 0;) {
    stiffness[i] = noise + gram[i * stride + i];
    for (size_t k = i + 1; k < m; ++k) {
      const double feedback = matrices.feedback[i * m + k];
      stiffness[i] -= stiffness[k] * feedback * feedback;
    }
  }
  noise_ = static_cast<float>(noise);
  stiffness_.assign(stiffness.begin(), stiffness.end());
  stiffness_.resize(width());
  later_.emplace(kernels, matrices.feedback, m, m, IntegerMatrix::Options{kRowOffset, 1, true});
}

void Cancellation::decide(const KernelTable& kernels, const ByteRows& signs, float* evidence,
                          int32_t* sums) const {
  const float stretch = tells_gradient() ? kStretch : 1.0f;
  std::vector<float> fed_back(signs.n_rows * kBlock);
  for (size_t first = 0; first < width(); first += kBlock) {
    std::fill(fed_back.begin(), fed_back.end(), 0.0f);
    earlier_.add_panel_products(kernels, signs, first / kBlock, 0, first, fed_back.data(), kBlock,
                                sums);
    kernels.decide_signs(evidence + first, signs.n_rows, width(), fed_back.data(), stretch,
                         &blocks_[first * kBlock], signs.bytes + first, signs.stride);
  }
}

void Cancellation::to_gradient(const KernelTable& kernels, const uint8_t* signs, float* left,
                               RoundedRows& rounded, int32_t* sums) const {
  std::vector<float> weighed(width());
  for (size_t i = 0; i < rounded.n_rows(); ++i) {
    kernels.weigh_left(signs + i * width(), stiffness_.data(), noise_, width(), left + i * width(),
                       weighed.data());
    rounded.round(i, weighed.data(), n_bits_);
  }
  for (size_t first = 0; first < width(); first += kBlock)
    later_->add_panel_products(kernels, rounded.rows(), first / kBlock, first, later_->row_stride(),
                               left + first, width(), sums);
}

}  // namespace bitindex
