// The contract of every instruction set: plain pointers in and out, no allocation, never throws.
//
// A file in this folder implements these functions for one instruction set and ends in one
// `const KernelTable`. All tables give the same bits for the same input, floating point
// included: sums of floats run over 16 interleaved lanes in the order stated below, and a
// product is rounded before it is added (no fused multiply-add).
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitindex {

// How the vectors kept for rescoring are stored.
enum VectorType : int { kFloat32 = 0, kFloat16 = 1, kInt8 = 2 };
constexpr int kVectorTypes = 3;

// A row may be among the nearest where
//   scale[i] * (alpha * sum[i] + gamma) + beta * offset[i] <= limit,
// each operation rounded to float in the order written. A null `scale` means 1, a null
// `offset` means 0. Written as a test on sums so that a scan looks at few rows one by one.
struct RowTest {
  float alpha;
  float gamma;
  float beta;
  float limit;
  const float* scale;
  const float* offset;
};

// Numbers up to 3/2 of the bits of a code have at most this many binary digits.
constexpr size_t kMaxCountSlices = 17;
// Behind the slices of a block's bits: what a count of bits starts from, the parity of the rows'
// popcounts, and zeros.
constexpr size_t kParitySlice = kMaxCountSlices;
constexpr size_t kZeroSlice = kMaxCountSlices + 1;
constexpr size_t kExtraSlices = kMaxCountSlices + 2;

// Which bits to count for one query or two: the numbers of the slices of `both`, then those of the
// first query alone, then those of the second. Each list is filled up to a multiple of 8 with the
// number of the slice of zeros, 8 * n_bytes + kZeroSlice.
struct SlicePair {
  const uint32_t* bits;
  size_t n_both;
  size_t n_first;
  size_t n_second;
  size_t n_queries;
};

// With c the number of chosen bits that a row has, and v = c or v = 2c - popcount(row): a row
// passes where (v >= at_least) != invert, and for the second form perhaps where v misses that by up
// to 2. Its sum is base + sign * v. Both tests of a pair have the same minus_popcount.
struct SliceTest {
  bool minus_popcount;
  bool invert;
  int32_t at_least;
  int32_t base;
  int32_t sign;
};

struct KernelTable {
  const char* name;

  // Number of set bits in each of n_rows codes of n_bytes bytes, stored one after the other.
  void (*popcount_rows)(const uint8_t* rows, size_t n_rows, size_t n_bytes,
                        uint32_t* counts) noexcept;
  // popcount(query xor row) and popcount(query and row) for each row.
  void (*xor_count_rows)(const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes,
                         uint32_t* counts) noexcept;
  void (*and_count_rows)(const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes,
                         uint32_t* counts) noexcept;

  // The table scan works on blocks of `block_rows` transposed rows. A block holds, for each byte
  // position, the low nibbles of all its rows and then the high nibbles, a byte each:
  // 2 * n_bytes * block_rows bytes, 64-byte aligned. Rows missing from the last block read as 0.
  size_t block_rows;
  void (*transpose_rows)(const uint8_t* rows, size_t n_rows, size_t n_bytes,
                         uint8_t* blocks) noexcept;
  // sums[row] = sum over byte positions c of table[32c + low nibble] + table[32c + 16 + high
  // nibble]. max_pair is the largest such pair of one position; it tells how long 8 bits can hold
  // the sum. sums has n_blocks * block_rows entries.
  void (*table_sums)(const uint8_t* blocks, size_t n_blocks, size_t n_bytes, const uint8_t* table,
                     uint32_t max_pair, uint32_t* sums) noexcept;
  // The bit scan works on blocks of `slice_rows` rows: slice j holds bit j of all rows of a block,
  // where bit j is bit j % 8 of byte j / 8 counted from the lowest, in (slice_rows / 8) bytes and
  // in a private order of rows. A block has 8 * n_bytes + kExtraSlices slices and is 64-byte
  // aligned.
  size_t slice_rows;
  void (*slice_bits)(const uint8_t* rows, size_t n_rows, size_t n_bytes, uint8_t* blocks) noexcept;
  // For each query q of the pair and each block b: passed[q][b] tells whether a row passes
  // tests[q]; only then sums[q][b * slice_rows ...] hold the sums of its rows. Rows that are
  // missing count as zeros, which may pass.
  void (*count_slices)(const uint8_t* blocks, size_t n_blocks, size_t n_bytes,
                       const SlicePair& pair, const SliceTest* tests, uint32_t* const* sums,
                       uint8_t* const* passed) noexcept;

  // Writes the positions of the rows that pass the test, ascending; returns how many.
  // positions has room for n + 16 entries.
  size_t (*select_rows)(const uint32_t* sums, size_t n, const RowTest& test,
                        uint32_t* positions) noexcept;

  // <query, scale * x> and |query - scale * x|^2 for a stored vector x of d numbers, by VectorType.
  // Lane j of 16 adds up the terms of the dimensions i with i % 16 == j, in ascending order; then
  // lanes j and j + 8 are added, then j and j + 4, j + 2, j + 1. The dot product is scaled last.
  float (*dot[kVectorTypes])(const float* query, const void* x, float scale, size_t d) noexcept;
  float (*squared_l2[kVectorTypes])(const float* query, const void* x, float scale,
                                    size_t d) noexcept;
};

}  // namespace bitindex
