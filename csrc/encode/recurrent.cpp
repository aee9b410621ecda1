#include "encode/recurrent.h"

#include <cfloat>
#include <cmath>

#include "codes/aligned.h"
#include "encode/product.h"

namespace bitindex {
namespace {

class Block {
 public:
  Block(const BlockMatrices& matrices, size_t n_rows)
      : matrices_(matrices),
        hidden_(matrices.hidden, matrices.n_in, matrices.n_hidden, n_rows),
        output_(matrices.output, n_inner(), matrices.n_out, n_rows) {}

  size_t n_hidden() const noexcept { return matrices_.n_hidden; }
  // Numbers of a row that meet the second matrix.
  size_t n_inner() const noexcept {
    return n_hidden() + (matrices_.has_shortcut ? matrices_.n_in : 0);
  }

  // out (n_rows, n_out) = T(rows), with room for n_hidden and n_inner numbers a row.
  void apply(const KernelTable& kernels, const float* rows, size_t n_rows, float* hidden,
             float* inner, float* out) const {
    const size_t n_in = matrices_.n_in, n_out = matrices_.n_out;
    hidden_.multiply(kernels, rows, n_rows, hidden);
    float* next = inner;
    for (size_t r = 0; r < n_rows; ++r, rows += n_in, hidden += n_hidden(), next += n_hidden()) {
      if (matrices_.has_shortcut) next = std::copy(rows, rows + n_in, next);
      for (size_t i = 0; i < n_hidden(); ++i)
        next[i] = std::max(hidden[i] + matrices_.hidden_bias[i], 0.0f);
    }
    output_.multiply(kernels, inner, n_rows, out);
    for (size_t r = 0; r < n_rows; ++r, out += n_out)
      for (size_t i = 0; i < n_out; ++i) out[i] += matrices_.output_bias[i];
  }

 private:
  BlockMatrices matrices_;
  Product hidden_, output_;
};

// Scales x to length 1, where float32 can divide by its length. Lanes let compilers use vectors.
void normalize(float* x, size_t n) {
  constexpr size_t kLanes = 8;
  double lanes[kLanes] = {}, squares = 0.0;
  for (size_t i = 0; i < n / kLanes * kLanes; i += kLanes)
    for (size_t j = 0; j < kLanes; ++j) lanes[j] += static_cast<double>(x[i + j]) * x[i + j];
  for (size_t i = n / kLanes * kLanes; i < n; ++i) squares += static_cast<double>(x[i]) * x[i];
  for (const double lane : lanes) squares += lane;
  const double length = std::sqrt(squares);
  if (length < FLT_MIN) return;
  const auto divisor = static_cast<float>(std::min<double>(length, FLT_MAX));
  for (size_t i = 0; i < n; ++i) x[i] /= divisor;
}

// The numbers that some rows need, not cleared: that would take as long as some of the products.
struct Scratch {
  Scratch(size_t n_rows, size_t n_dims, size_t code_dim, size_t n_hidden, size_t n_inner)
      : memory(make_aligned(sizeof(float) * n_rows * (2 * n_dims + code_dim + n_hidden + n_inner))),
        unit(reinterpret_cast<float*>(memory.get())),
        left(unit + n_rows * n_dims),
        inputs(left + n_rows * n_dims),
        hidden(inputs + n_rows * code_dim),
        inner(hidden + n_rows * n_hidden) {}

  const AlignedBytes memory;
  float *const unit, *const left;     // n_dims a row
  float* const inputs;                // of signs: code_dim a row
  float *const hidden, *const inner;  // of blocks
};

// The planes of codes of some rows, one after the other.
class Planes {
 public:
  Planes(const KernelTable& kernels, const RecurrentMatrices& matrices, size_t n_rows)
      : kernels_(kernels),
        values_(matrices.values),
        n_dims_(matrices.to_code[0].n_in),
        code_dim_(matrices.to_code[0].n_out) {
    for (const BlockMatrices& block : matrices.to_code) to_code_.emplace_back(block, n_rows);
    for (const BlockMatrices& block : matrices.to_row) to_row_.emplace_back(block, n_rows);
  }

  size_t n_dims() const noexcept { return n_dims_; }
  size_t n_planes() const noexcept { return to_code_.size(); }
  size_t code_dim() const noexcept { return code_dim_; }
  size_t n_hidden() const noexcept { return to_code_[0].n_hidden(); }

  void encode(const float* rows, size_t n_rows, bool* signs, float* levels) const {
    const size_t n_inner = n_hidden() + std::max(n_dims_, code_dim_), n = n_rows * code_dim_;
    const Scratch scratch(n_rows, n_dims_, code_dim_, n_hidden(), n_inner);
    std::copy(rows, rows + n_rows * n_dims_, scratch.unit);
    for (size_t r = 0; r < n_rows; ++r) normalize(scratch.unit + r * n_dims_, n_dims_);
    std::fill(levels, levels + n, 0.0f);
    for (size_t plane = 0; plane < n_planes(); ++plane) {
      if (plane > 0) subtract_known(to_row_[plane - 1], levels, n_rows, scratch);
      to_code_[plane].apply(kernels_, plane > 0 ? scratch.left : scratch.unit, n_rows,
                            scratch.hidden, scratch.inner, scratch.inputs);
      const float value = values_[plane] / values_[0];
      for (size_t i = 0; i < n; ++i) {
        const bool positive = scratch.inputs[i] > 0.0f;
        signs[i * n_planes() + plane] = positive;
        levels[i] += positive ? value : -value;
      }
    }
    for (size_t i = 0; i < n; ++i) levels[i] *= values_[0];
  }

 private:
  // Leaves of rows what the levels so far do not reconstruct.
  void subtract_known(const Block& to_row, const float* levels, size_t n_rows,
                      const Scratch& scratch) const {
    float* left = scratch.left;
    to_row.apply(kernels_, levels, n_rows, scratch.hidden, scratch.inner, left);
    for (size_t r = 0; r < n_rows; ++r) normalize(left + r * n_dims_, n_dims_);
    for (size_t i = 0; i < n_rows * n_dims_; ++i) left[i] = scratch.unit[i] - left[i];
  }

  const KernelTable& kernels_;
  const float* values_;
  size_t n_dims_, code_dim_;
  std::vector<Block> to_code_, to_row_;
};

}  // namespace

void encode_recurrent(const RowWork& work, const RecurrentMatrices& matrices, const float* rows,
                      size_t n_rows, const RecurrentCodes& codes) {
  const Planes planes(work.kernels, matrices, n_rows);
  const size_t n_dims = planes.n_dims(), code_dim = planes.code_dim();
  const size_t width = std::max({n_dims, code_dim, planes.n_hidden()});
  for_each_part(work, n_rows, width, [&](size_t first, size_t n) {
    planes.encode(rows + first * n_dims, n, codes.signs + first * code_dim * planes.n_planes(),
                  codes.levels + first * code_dim);
  });
}

}  // namespace bitindex
