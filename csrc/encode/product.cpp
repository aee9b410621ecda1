#include "encode/product.h"

#include <cstring>

namespace bitindex {
namespace {

constexpr size_t kPanel = Panels::kWidth;

// It takes about as long to write the panels as to multiply this many rows.
constexpr size_t kFewRows = 16;

}  // namespace

Product::Product(const float* matrix, size_t n_dims, size_t n_columns, size_t n_rows)
    : n_dims_(n_dims),
      n_columns_(n_columns),
      n_in_place_(n_rows < kFewRows ? n_columns / kPanel * kPanel : 0),
      panels_(matrix, n_dims, n_columns, n_in_place_) {
  if (n_in_place_ > 0)
    parts_.push_back({0, n_in_place_, matrix, n_in_place_ / kPanel, kPanel, n_columns});
  if (n_in_place_ < n_columns)
    parts_.push_back({n_in_place_, n_columns - n_in_place_, panels_.data(), panels_.n_panels(),
                      panels_.panel_stride(), kPanel});
}

void Product::multiply(const KernelTable& kernels, const float* rows, size_t n_rows,
                       float* out) const {
  std::vector<float> sums;
  for (const Columns& part : parts_) {
    float* target = out + part.first;
    const size_t width = kPanel * part.n_panels;
    const bool direct = width == n_columns_;
    if (!direct) sums.resize(n_rows * width);
    kernels.multiply_rows(rows, n_rows, n_dims_, part.matrix, part.n_panels, part.panel_stride,
                          part.row_stride, direct ? target : sums.data());
    for (size_t r = 0; !direct && r < n_rows; ++r)
      std::memcpy(target + r * n_columns_, sums.data() + r * width, part.n * sizeof(float));
  }
}

}  // namespace bitindex
