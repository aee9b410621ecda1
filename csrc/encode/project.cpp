#include "encode/project.h"

#include <cstring>
#include <vector>

#include "encode/panels.h"

namespace bitindex {
namespace {

constexpr size_t kPanel = Panels::kWidth;

// Columns of the result that are computed together.
struct Columns {
  size_t first, n;  // n <= kPanel * n_panels
  const float* matrix;
  size_t n_panels, panel_stride, row_stride;
};

}  // namespace

void project(const RowWork& work, const float* rows, size_t n_rows, size_t n_dims,
             const float* center, const float* matrix, size_t n_columns, float* out) {
  // It takes about as long to write the panels as to multiply this many rows.
  constexpr size_t kFewRows = 16;
  const size_t n_whole = n_rows < kFewRows ? n_columns / kPanel * kPanel : 0;
  const Panels panels(matrix, n_dims, n_columns, n_whole);
  std::vector<Columns> parts;
  if (n_whole > 0) parts.push_back({0, n_whole, matrix, n_whole / kPanel, kPanel, n_columns});
  if (n_whole < n_columns)
    parts.push_back({n_whole, n_columns - n_whole, panels.data(), panels.n_panels(),
                     panels.panel_stride(), kPanel});

  for_each_part(work, n_rows, std::max(n_dims, n_columns), [&](size_t first, size_t n) {
    std::vector<float> centered, sums;
    const float* here = rows + first * n_dims;
    if (center != nullptr) {
      centered.resize(n * n_dims);
      subtract_center(here, n, n_dims, center, centered.data());
      here = centered.data();
    }
    for (const Columns& part : parts) {
      float* target = out + first * n_columns + part.first;
      const size_t width = kPanel * part.n_panels;
      const bool direct = width == n_columns;
      if (!direct) sums.resize(n * width);
      work.kernels.multiply_rows(here, n, n_dims, part.matrix, part.n_panels, part.panel_stride,
                                 part.row_stride, direct ? target : sums.data());
      for (size_t r = 0; !direct && r < n; ++r)
        std::memcpy(target + r * n_columns, sums.data() + r * width, part.n * sizeof(float));
    }
  });
}

}  // namespace bitindex
