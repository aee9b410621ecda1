// Products of 8-bit integers, written once over the class Integers of each instruction set: 16 sums
// of 32 bits, with
//   load, store, load_quads   16 times four entries of a matrix, a Quads
//   quad                      four entries of a row, repeated 16 times, a Quads
//   add_products              adds the four products of each two quads, the first without signs
//   kTileRows, kTileVectors   how many rows, and 16s of columns of their sums, the registers hold;
//   kNarrowRows               how many rows where there are only 16 columns.
#pragma once

#include "kernel_table.h"
#include "unrolled.h"

namespace bitindex {

template <class Integers, size_t kRows, size_t kVectors>
BITINDEX_FLATTEN void multiply_int8_tile(const uint8_t* rows, size_t row_stride, size_t n_quads,
                                         const int8_t* matrix, size_t panel_stride,
                                         const int32_t* starts, int32_t* sums,
                                         size_t sum_stride) noexcept {
  Integers totals[kRows][kVectors];
  unrolled<kRows>([&](size_t r) noexcept {
    unrolled<kVectors>([&](size_t v) noexcept { totals[r][v] = Integers::load(starts + 16 * v); });
  });
  for (size_t p = 0; p < n_quads; ++p, rows += 4, matrix += 64) {
    typename Integers::Quads columns[kVectors];
    unrolled<kVectors>(
        [&](size_t v) noexcept { columns[v] = Integers::load_quads(matrix + v * panel_stride); });
    unrolled<kRows>([&](size_t r) noexcept {
      const auto quad = Integers::quad(rows + r * row_stride);
      unrolled<kVectors>(
          [&](size_t v) noexcept { totals[r][v] = add_products(totals[r][v], quad, columns[v]); });
    });
  }
  unrolled<kRows>([&](size_t r) noexcept {
    unrolled<kVectors>(
        [&](size_t v) noexcept { totals[r][v].store(sums + r * sum_stride + 16 * v); });
  });
}

template <class Integers, size_t kRows, size_t kVectors>
void multiply_int8_columns(const uint8_t* rows, size_t n_rows, size_t row_stride, size_t n_quads,
                           const int8_t* matrix, size_t panel_stride, const int32_t* starts,
                           int32_t* sums, size_t sum_stride) noexcept {
  size_t r = 0;
  for (; r + kRows <= n_rows; r += kRows)
    multiply_int8_tile<Integers, kRows, kVectors>(rows + r * row_stride, row_stride, n_quads,
                                                  matrix, panel_stride, starts,
                                                  sums + r * sum_stride, sum_stride);
  for (; r < n_rows; ++r)
    multiply_int8_tile<Integers, 1, kVectors>(rows + r * row_stride, row_stride, n_quads, matrix,
                                              panel_stride, starts, sums + r * sum_stride,
                                              sum_stride);
}

// Some columns of all rows after the other, so that these columns of the matrix stay in the cache.
template <class Integers>
void multiply_int8(const uint8_t* rows, size_t n_rows, size_t row_stride, size_t n_quads,
                   const int8_t* matrix, size_t n_panels, size_t panel_stride,
                   const int32_t* starts, int32_t* sums) noexcept {
  constexpr size_t kMost = Integers::kTileVectors;
  const size_t sum_stride = 16 * n_panels;
  size_t p = 0;
  for (; p + kMost <= n_panels; p += kMost)
    multiply_int8_columns<Integers, Integers::kTileRows, kMost>(
        rows, n_rows, row_stride, n_quads, matrix + p * panel_stride, panel_stride, starts + 16 * p,
        sums + 16 * p, sum_stride);
  for (; p < n_panels; ++p)
    multiply_int8_columns<Integers, Integers::kNarrowRows, 1>(
        rows, n_rows, row_stride, n_quads, matrix + p * panel_stride, panel_stride, starts + 16 * p,
        sums + 16 * p, sum_stride);
}

}  // namespace bitindex
