// Kernels over tables, and the selection of rows by their sums.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "kernel_checks.h"

namespace {

std::vector<uint32_t> sums_of(const KernelTable& kernels, Exact<uint8_t>& rows, size_t n_rows,
                              size_t n_bytes, Exact<uint8_t>& table, LargestSums largest) {
  const size_t n_blocks = (n_rows + kernels.block_rows - 1) / kernels.block_rows;
  const size_t size = 2 * n_bytes * n_blocks * kernels.block_rows;
  const std::unique_ptr<uint8_t, Free> blocks(
      static_cast<uint8_t*>(std::aligned_alloc(64, size == 0 ? 64 : size)));
  std::memset(blocks.get(), 0xee, size);
  kernels.transpose_rows(rows.data(), n_rows, n_bytes, blocks.get());
  Exact<uint32_t> sums(n_blocks * kernels.block_rows);
  Exact<uint8_t> passed(n_blocks);
  kernels.table_sums(blocks.get(), n_blocks, n_bytes, table.data(), largest, 0, sums.data(),
                     passed.data());
  const std::vector<uint32_t> all(sums.data(), sums.data() + sums.size());
  const uint32_t least = all.empty() ? 0 : all[random_bits() % all.size()] + random_bits() % 2;
  kernels.table_sums(blocks.get(), n_blocks, n_bytes, table.data(), largest, least, sums.data(),
                     passed.data());
  for (size_t i = 0; i < all.size(); ++i)
    check(passed[i / kernels.block_rows] != 0 ? sums[i] == all[i] : all[i] < least,
          "table_sums of a block", n_rows, n_bytes, least);
  std::vector<uint32_t> result(sums.data(), sums.data() + sums.size());
  uint32_t of_zeros = 0;
  for (size_t c = 0; c < n_bytes; ++c) of_zeros += table[32 * c] + table[32 * c + 16];
  for (size_t i = n_rows; i < result.size(); ++i)
    check(result[i] == of_zeros, "table_sums of a missing row", n_rows, n_bytes, i);
  result.resize(n_rows);
  return result;
}

void check_table_sums(size_t n_rows, size_t n_bytes, Content content) {
  const size_t offset = random_bits() % 9;
  Exact<uint8_t> rows(n_rows * n_bytes, offset);
  fill(rows, content);
  constexpr LargestSums kLargest[] = {{0, 0},     {1, 2},     {8, 16},    {127, 254}, {200, 255},
                                      {255, 255}, {128, 256}, {255, 510}, {256, 512}, {510, 1020}};
  for (const LargestSums& largest : kLargest) {
    Exact<uint8_t> table(32 * n_bytes, offset / 2);
    const bool extreme = random_bits() % 2;
    for (size_t i = 0; i < table.size(); ++i) {
      const uint32_t byte = i / 32 % 2 == 0 ? largest.byte : largest.two_bytes - largest.byte;
      const uint32_t most = i / 16 % 2 ? byte / 2 : byte - byte / 2;
      table[i] = static_cast<uint8_t>(extreme ? most : random_bits() % (most + 1));
    }
    check(sums_of(tested, rows, n_rows, n_bytes, table, largest) ==
              sums_of(expected, rows, n_rows, n_bytes, table, largest),
          "table_sums", n_rows, n_bytes, largest.byte);
  }
}

void check_select(size_t n) {
  Exact<uint32_t> sums(n, 1);
  Exact<float> scale(n, 1), offset(n, 3);
  for (size_t i = 0; i < n; ++i) {
    sums[i] = random_bits() % 1000;
    scale[i] = random_float();
    offset[i] = random_float();
  }
  for (const float limit : {-1e30f, -500.0f, 20.0f, 500.0f, 1e30f})
    for (int given = 0; given < 4; ++given) {
      bitindex::RowTest test = {1.0f, 0.0f, random_float(), limit, nullptr, nullptr};
      if (random_bits() % 2) test.alpha = random_float(), test.gamma = random_float();
      if (given & 1) test.scale = scale.data();
      if (given & 2) test.offset = offset.data();
      Exact<uint32_t> a(n + 16), b(n + 16);
      const size_t found = tested.select_rows(sums.data(), n, test, a.data());
      check(found == expected.select_rows(sums.data(), n, test, b.data()) &&
                std::memcmp(a.data(), b.data(), found * sizeof(uint32_t)) == 0,
            "select_rows", n, static_cast<size_t>(given), found);
    }
}

}  // namespace
