#include "index/restored_rows.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr size_t kRowsAtOnce = 4096;

void check_row_terms(const IndexLayout& layout, const Metric& metric, const KernelTable& kernels,
                     const RowStore& rows, Cancel& cancel) {
  const Column& codes = rows.column(kCodes);
  const Column& stored = rows.column(kRowTerms);
  for_each_block(rows.n_rows(), kRowsAtOnce, cancel, [&](size_t first, size_t n) {
    std::vector<float> terms(n);
    metric.row_terms(kernels, layout.codes(), codes.row(first), n, terms.data());
    if (std::memcmp(terms.data(), stored.row(first), n * sizeof(float)) != 0)
      throw std::invalid_argument("section 'row_terms' must follow from the codes");
  });
}

// Whether a number is neither infinite nor NaN: not all bits of its exponent are set. Numbers of a
// file need not be aligned within a row.
template <class Word, Word exponent>
bool all_finite(const uint8_t* numbers, size_t n) {
  bool all = true;
  for (size_t i = 0; i < n; ++i) {
    Word bits;
    std::memcpy(&bits, numbers + i * sizeof bits, sizeof bits);
    all &= (bits & exponent) != exponent;
  }
  return all;
}

bool floats_are_finite(const uint8_t* numbers, size_t n) {
  return all_finite<uint32_t, 0x7f800000u>(numbers, n);
}

bool vector_is_finite(const VectorLayout& layout, const uint8_t* vector) {
  switch (layout.type) {
    case kFloat32:
      return floats_are_finite(vector, layout.n_dims);
    case kFloat16:
      return all_finite<uint16_t, 0x7c00u>(vector, layout.n_dims);
    case kInt8:
      return floats_are_finite(vector + layout.n_dims, 1);
  }
  return false;
}

void check_finite(const char* name, const Column& column, Cancel& cancel) {
  for_each_block(column.n_rows(), kRowsAtOnce, cancel, [&](size_t first, size_t n) {
    if (!floats_are_finite(column.row(first), n * column.width() / sizeof(float)))
      throw std::invalid_argument("section '" + std::string(name) + "' must hold finite numbers");
  });
}

}  // namespace

void check_restored_rows(const IndexLayout& layout, const Metric& metric,
                         const KernelTable& kernels, const RowStore& rows, Cancel& cancel) {
  if (metric.row_terms != nullptr) check_row_terms(layout, metric, kernels, rows, cancel);
  if (layout.has_scales) check_finite("scales", rows.column(kScales), cancel);
  if (layout.has_offsets) check_finite("offsets", rows.column(kOffsets), cancel);
  if (layout.vectors.n_dims == 0) return;
  const Column& vectors = rows.column(kVectors);
  for_each_block(rows.n_rows(), kRowsAtOnce, cancel, [&](size_t first, size_t n) {
    for (size_t row = first; row < first + n; ++row)
      if (!vector_is_finite(layout.vectors, vectors.row(row)))
        throw std::invalid_argument("section 'vectors' must hold finite numbers, but row " +
                                    std::to_string(row) + " does not");
  });
}

}  // namespace bitindex
