// The kernels that differ between instruction sets in nothing but their vectors, written once over
// two classes. Each instruction set defines these in an anonymous namespace, which keeps every
// instance private to its file. Include this between BITINDEX_BEGIN_TARGET and BITINDEX_END_TARGET.
//
// Bytes   one byte for each of kRows rows (Vector) and a table of 16 entries (Table):
//         load, add, broadcast, look_up, transpose_tile; kBlocksAtOnce, how many blocks of sums
//         fit the registers;
//         Sums, 16-bit sums of such bytes: clear, add, any_at_least, write.
// Floats  16 floats: zero, set, load of the three vector types, from_ints, operators, smaller,
//         add_lanes; at_most gives a Mask: any(two of them), append the positions of its rows.
#pragma once

#include "kernel_table.h"

namespace bitindex {

// A tile is kRows rows by 16 bytes; its columns go where Bytes::load will look for them.
template <class Bytes>
void transpose_rows(const uint8_t* rows, size_t n_rows, size_t n_bytes, uint8_t* blocks) noexcept {
  constexpr size_t kRows = Bytes::kRows, kColumns = 16;
  if (n_bytes == 0) return;
  while (n_rows > 0) {
    const size_t here = n_rows < kRows ? n_rows : kRows;
    if (n_bytes < kColumns) {
      // A load of 16 bytes runs into the next rows, which does no harm before the end of them all.
      if (n_rows * n_bytes >= (kRows - 1) * n_bytes + kColumns) {
        Bytes::transpose_tile(rows, n_bytes, n_bytes, blocks);
      } else {
        uint8_t copy[kRows * kColumns] = {};
        std::memcpy(copy, rows, here * n_bytes);
        Bytes::transpose_tile(copy, n_bytes, n_bytes, blocks);
      }
    } else {
      for (size_t c = 0; c < n_bytes; c += kColumns) {
        // The last tile starts early enough to be whole, and writes some columns again.
        const size_t column = c + kColumns <= n_bytes ? c : n_bytes - kColumns;
        uint8_t* out = blocks + 2 * kRows * column;
        if (here == kRows) {
          Bytes::transpose_tile(rows + column, n_bytes, kColumns, out);
        } else {
          uint8_t copy[kRows * kColumns] = {};
          for (size_t i = 0; i < here; ++i)
            std::memcpy(copy + kColumns * i, rows + n_bytes * i + column, kColumns);
          Bytes::transpose_tile(copy, kColumns, kColumns, out);
        }
      }
    }
    n_rows -= here;
    rows += here * n_bytes;
    blocks += 2 * kRows * n_bytes;
  }
}

// Adds the pairs of kTogether positions in 8 bits, for kBlocks blocks, which share each load of the
// table, and widens the results. With kTogether = 0 every look-up of one position is widened.
template <class Bytes, size_t kBlocks, size_t kTogether>
void add_positions(const uint8_t* blocks, size_t n_bytes, const uint8_t* table,
                   typename Bytes::Sums* sums_u16) noexcept {
  constexpr size_t kRows = Bytes::kRows, kPositions = kTogether > 0 ? kTogether : 1;
  typename Bytes::Table tables[2 * kPositions];
  for (size_t i = 0; i < 2 * kPositions; ++i) tables[i] = Bytes::broadcast(table + 16 * i);
  for (size_t b = 0; b < kBlocks; ++b) {
    const uint8_t* nibbles = blocks + 2 * kRows * n_bytes * b;
    auto sum_u8 = Bytes::look_up(tables[0], Bytes::load(nibbles));
    for (size_t i = 1; i < 2 * kPositions; ++i) {
      const auto entries = Bytes::look_up(tables[i], Bytes::load(nibbles + kRows * i));
      if (kTogether == 0)
        sums_u16[b].add(entries);
      else
        sum_u8 = Bytes::add(sum_u8, entries);
    }
    sums_u16[b].add(sum_u8);
  }
}

// words_capacity: how many positions 16 bits can add up, an even number.
template <class Bytes, size_t kBlocks, size_t kTogether>
void sum_blocks(const uint8_t* blocks, size_t n_bytes, const uint8_t* table, size_t words_capacity,
                uint32_t least, uint32_t* sums, uint8_t* passed) noexcept {
  constexpr size_t kStep = kTogether > 0 ? kTogether : 1;
  for (size_t begin = 0; begin < n_bytes; begin += words_capacity) {
    const size_t end = n_bytes - begin < words_capacity ? n_bytes : begin + words_capacity;
    typename Bytes::Sums sums_u16[kBlocks];
    for (size_t b = 0; b < kBlocks; ++b) sums_u16[b].clear();
    size_t c = begin;
    for (; c + kStep <= end; c += kStep)
      add_positions<Bytes, kBlocks, kTogether>(blocks + 2 * Bytes::kRows * c, n_bytes,
                                               table + 32 * c, sums_u16);
    if (kStep > 1 && c < end)
      add_positions<Bytes, kBlocks, 1>(blocks + 2 * Bytes::kRows * c, n_bytes, table + 32 * c,
                                       sums_u16);
    for (size_t b = 0; b < kBlocks; ++b) {
      // Sums of several parts are too rare to test.
      passed[b] = n_bytes > words_capacity || sums_u16[b].any_at_least(least);
      if (passed[b] != 0) sums_u16[b].write(sums + Bytes::kRows * b, begin > 0);
    }
  }
}

template <class Bytes, size_t kTogether>
void sum_all_blocks(const uint8_t* blocks, size_t n_blocks, size_t n_bytes, const uint8_t* table,
                    size_t words_capacity, uint32_t least, uint32_t* sums,
                    uint8_t* passed) noexcept {
  constexpr size_t kMost = Bytes::kBlocksAtOnce;
  while (n_blocks > 0) {
    // One block alone costs much more than its share: rather two times half.
    const size_t here = n_blocks == kMost + 1 ? (kMost + 1) / 2
                        : n_blocks < kMost    ? n_blocks
                                              : kMost;
    const auto sum = here == 1   ? sum_blocks<Bytes, 1, kTogether>
                     : here == 2 ? sum_blocks<Bytes, 2, kTogether>
                     : here == 3 ? sum_blocks<Bytes, 3, kTogether>
                                 : sum_blocks<Bytes, kMost, kTogether>;
    sum(blocks, n_bytes, table, words_capacity, least, sums, passed);
    passed += here;
    n_blocks -= here;
    blocks += here * 2 * Bytes::kRows * n_bytes;
    sums += here * Bytes::kRows;
  }
}

template <class Bytes>
void table_sums(const uint8_t* blocks, size_t n_blocks, size_t n_bytes, const uint8_t* table,
                LargestSums largest, uint32_t least, uint32_t* sums, uint8_t* passed) noexcept {
  if (n_bytes == 0) {
    for (size_t i = 0; i < n_blocks * Bytes::kRows; ++i) sums[i] = 0;
    for (size_t b = 0; b < n_blocks; ++b) passed[b] = 1;
    return;
  }
  const auto sum = largest.two_bytes <= 255 ? sum_all_blocks<Bytes, 2>
                   : largest.byte <= 255    ? sum_all_blocks<Bytes, 1>
                                            : sum_all_blocks<Bytes, 0>;
  const size_t most = largest.two_bytes > 0 ? largest.two_bytes : 1;
  sum(blocks, n_blocks, n_bytes, table, 2 * (65535 / most), least, sums, passed);
}

// Calls add(query, x) for 16 dimensions after the other; the last are filled up with zeros.
template <class Floats, class T, class Add>
void for_each_16(const float* query, const T* x, size_t d, Add add) noexcept {
  size_t i = 0;
  for (; i + 16 <= d; i += 16) add(Floats::load(query + i), Floats::load(x + i));
  if (i == d) return;
  float query_tail[16] = {};
  T x_tail[16] = {};
  std::memcpy(query_tail, query + i, (d - i) * sizeof *query);
  std::memcpy(x_tail, x + i, (d - i) * sizeof *x);
  add(Floats::load(query_tail), Floats::load(x_tail));
}

template <class Floats, class T>
float dot(const float* query, const void* x, float scale, size_t d) noexcept {
  Floats sum = Floats::zero();
  for_each_16<Floats>(query, static_cast<const T*>(x), d,
                      [&](Floats q, Floats y) noexcept { sum = sum + q * y; });
  return add_lanes(sum) * scale;
}

template <class Floats, class T>
float squared_l2(const float* query, const void* x, float scale, size_t d) noexcept {
  const Floats scales = Floats::set(scale);
  Floats sum = Floats::zero();
  for_each_16<Floats>(query, static_cast<const T*>(x), d, [&](Floats q, Floats y) noexcept {
    const Floats difference = q - scales * y;
    sum = sum + difference * difference;
  });
  return add_lanes(sum);
}

template <class Floats>
void level_sums(const float* x, size_t n_dims, float t, float most, float* product,
                float* squares) noexcept {
  const Floats half = Floats::set(0.5f), shift = Floats::set(12582912.0f);
  const Floats ts = Floats::set(t), mosts = Floats::set(most);
  Floats products = Floats::zero(), sums = Floats::zero();
  const auto add = [&](Floats y, Floats valid) noexcept {
    const Floats level = (smaller((ts * y - half + shift) - shift, mosts) + half) * valid;
    products = products + y * level;
    sums = sums + level * level;
  };
  size_t i = 0;
  for (; i + 16 <= n_dims; i += 16) add(Floats::load(x + i), Floats::set(1.0f));
  if (i < n_dims) {
    float tail[16] = {}, valid[16] = {};
    for (size_t j = 0; i + j < n_dims; ++j) tail[j] = x[i + j], valid[j] = 1.0f;
    add(Floats::load(tail), Floats::load(valid));
  }
  *product = add_lanes(products);
  *squares = add_lanes(sums);
}

}  // namespace bitindex
