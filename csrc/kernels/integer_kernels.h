// Products of 16-bit integers, written once over the class Integers of each instruction set: 16
// sums of 32 bits, with
//   zero, store, load_pairs   16 pairs of entries of a matrix, a Pairs
//   pair                      a pair of entries of a row, repeated 16 times, a Pairs
//   add_products              adds both products of each two pairs
//   kTileRows, kTileVectors   how many rows, and 16s of columns of their sums, the registers hold;
//   kNarrowRows               how many rows where there are only 16 columns.
#pragma once

#include "kernel_table.h"
#include "unrolled.h"

namespace bitindex {

template <class Integers, size_t kRows, size_t kVectors>
BITINDEX_FLATTEN void multiply_int16_tile(const int16_t* rows, size_t row_stride, size_t n_pairs,
                                          const int16_t* matrix, size_t panel_stride, int32_t* sums,
                                          size_t sum_stride) noexcept {
  Integers totals[kRows][kVectors];
  unrolled<kRows>([&](size_t r) noexcept {
    unrolled<kVectors>([&](size_t v) noexcept { totals[r][v] = Integers::zero(); });
  });
  for (size_t p = 0; p < n_pairs; ++p, rows += 2, matrix += 32) {
    typename Integers::Pairs columns[kVectors];
    unrolled<kVectors>(
        [&](size_t v) noexcept { columns[v] = Integers::load_pairs(matrix + v * panel_stride); });
    unrolled<kRows>([&](size_t r) noexcept {
      const auto pair = Integers::pair(rows + r * row_stride);
      unrolled<kVectors>(
          [&](size_t v) noexcept { totals[r][v] = add_products(totals[r][v], pair, columns[v]); });
    });
  }
  unrolled<kRows>([&](size_t r) noexcept {
    unrolled<kVectors>(
        [&](size_t v) noexcept { totals[r][v].store(sums + r * sum_stride + 16 * v); });
  });
}

template <class Integers, size_t kRows, size_t kVectors>
void multiply_int16_columns(const int16_t* rows, size_t n_rows, size_t row_stride, size_t n_pairs,
                            const int16_t* matrix, size_t panel_stride, int32_t* sums,
                            size_t sum_stride) noexcept {
  size_t r = 0;
  for (; r + kRows <= n_rows; r += kRows)
    multiply_int16_tile<Integers, kRows, kVectors>(rows + r * row_stride, row_stride, n_pairs,
                                                   matrix, panel_stride, sums + r * sum_stride,
                                                   sum_stride);
  for (; r < n_rows; ++r)
    multiply_int16_tile<Integers, 1, kVectors>(rows + r * row_stride, row_stride, n_pairs, matrix,
                                               panel_stride, sums + r * sum_stride, sum_stride);
}

// Some columns of all rows after the other, so that these columns of the matrix stay in the cache.
template <class Integers>
void multiply_int16(const int16_t* rows, size_t n_rows, size_t row_stride, size_t n_pairs,
                    const int16_t* matrix, size_t n_panels, size_t panel_stride,
                    int32_t* sums) noexcept {
  constexpr size_t kMost = Integers::kTileVectors;
  const size_t sum_stride = 16 * n_panels;
  size_t p = 0;
  for (; p + kMost <= n_panels; p += kMost)
    multiply_int16_columns<Integers, Integers::kTileRows, kMost>(
        rows, n_rows, row_stride, n_pairs, matrix + p * panel_stride, panel_stride, sums + 16 * p,
        sum_stride);
  for (; p < n_panels; ++p)
    multiply_int16_columns<Integers, Integers::kNarrowRows, 1>(
        rows, n_rows, row_stride, n_pairs, matrix + p * panel_stride, panel_stride, sums + 16 * p,
        sum_stride);
}

}  // namespace bitindex
