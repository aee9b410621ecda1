// The contract of every instruction set: plain pointers in and out, no allocation, never throws.
//
// A file in this folder implements these functions for one instruction set and ends in one
// `const KernelTable`. All tables give the same bits for the same input, floating point
// included: sums of floats run over 16 interleaved lanes in the order stated below, and a
// product is rounded before it is added (no fused multiply-add).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

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
// Behind the slices of a block's bits: the binary digits of n_bits / 2 - floor(popcount / 2), from
// which counts may start; the rows whose popcount is even; zeros.
constexpr size_t kEvenSlice = kMaxCountSlices;
constexpr size_t kZeroSlice = kMaxCountSlices + 1;
constexpr size_t kExtraSlices = kMaxCountSlices + 2;

// Counts of chosen bits are kept in numbered counters, the first two of which are given.
constexpr uint8_t kZeroCounter = 0;
constexpr uint8_t kStartCounter = 1;
constexpr size_t kMaxCounters = 12;
constexpr size_t kMaxPlus = 3;
constexpr size_t kMaxSliceQueries = 4;

// Takes a counter, adds the next n_slices slices of the program and some other counters, and keeps
// the result, or tests it.
struct SliceStep {
  uint32_t n_slices;  // a multiple of 4
  uint8_t from;
  uint8_t n_plus;
  uint8_t plus[kMaxPlus];
  bool is_total;
  uint8_t to;  // a query where is_total, else a counter
};

// Which bits to count for some queries that share work. Offsets are those of slices in a block, in
// bytes.
struct SliceProgram {
  size_t n_queries;
  const SliceStep* steps;
  size_t n_steps;
  const uint32_t* offsets;
};

// With v the number of chosen bits that a row has, or 2 v - popcount(row), where the counters began
// at the start counter: a row passes where (v >= at_least) != invert.
struct SliceTest {
  bool minus_popcount;
  bool invert;
  int32_t at_least;
};

// What the flip before changed, and how strong the pull along v is now: see next_flip. Signs are 0,
// or -1 for negative ones.
struct FlipUpdate {
  const int16_t* row;
  int16_t sign;
  int16_t factor;  // above -2^15
};

// What the costs of flips are made of at the start of a search: see start_flips.
struct FlipTerms {
  const uint8_t* signs;  // plus 1
  const float* gradient;
  const float* along;
  const float* own;
  const float* scales;
  const float* pulls;
  float along_weight;
  float pull_scale;
};

struct CheapestFlip {
  uint32_t bit;
  int32_t cost;
};

// Bits that vectors of costs hold on every instruction set.
constexpr size_t kFlipLanes = 32;

// -1 where the sign bit of x is set, else 1. Without a branch, because it is a coin's toss.
inline int sign_of(float x) noexcept {
  int32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits >> 31 | 1;
}

// Adding and subtracting it rounds numbers below 2^22 to integers, to even ones from the middle.
constexpr float kRoundingShift = 12582912.0f;  // 3 * 2^22

// Rounds; what is beyond 32767 becomes that, with its sign, and a NaN -32767.
inline int16_t rounded_short(float x) noexcept {
  constexpr float kLimit = 32767.0f;
  const float above = x > -kLimit ? x : -kLimit;
  const float within = above < kLimit ? above : kLimit;
  return static_cast<int16_t>(static_cast<int32_t>((within + kRoundingShift) - kRoundingShift));
}

// The largest sums of table entries that any code can have: of the two nibbles of a byte, and of
// two neighbouring bytes 2i and 2i + 1, which a scan may add up in 8 bits. At the end of an odd
// number of bytes one stands alone.
struct LargestSums {
  uint32_t byte;
  uint32_t two_bytes;
};

// Blocks of rows whose words lie side by side: see count_words.
constexpr size_t kWordBytes = 8;
constexpr size_t kWordRows = 8;

// As many ranks rank_bound can tell.
constexpr size_t kBoundLanes = 64;

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
  // nibble]; `largest` tells how many positions 8 bits can add up. sums has n_blocks * block_rows
  // entries, but those of a block are only written where passed[block] is set: where one of its
  // sums is at least `least`, and perhaps elsewhere.
  void (*table_sums)(const uint8_t* blocks, size_t n_blocks, size_t n_bytes, const uint8_t* table,
                     LargestSums largest, uint32_t least, uint32_t* sums, uint8_t* passed) noexcept;
  // The bit scan works on blocks of `slice_rows` rows: slice j holds bit j of all rows of a block,
  // where bit j is bit j % 8 of byte j / 8 counted from the lowest, in (slice_rows / 8)
  // bytes, row 8p + k in bit k of byte p. A block has 8 * n_bytes + kExtraSlices slices and is
  // 64-byte aligned.
  size_t slice_rows;
  void (*slice_bits)(const uint8_t* rows, size_t n_rows, size_t n_bytes, uint8_t* blocks) noexcept;
  // For each query q of the program: appends the positions of the rows that pass tests[q] to
  // positions[q], ascending, and adds their number to n_found[q]. Rows that are missing from the
  // last block count as zeros and may be among them. positions[q] has room for one more than all.
  void (*count_slices)(const uint8_t* blocks, size_t n_blocks, size_t n_bytes,
                       const SliceProgram& program, const SliceTest* tests,
                       uint32_t* const* positions, size_t* n_found) noexcept;

  // The number of bits that differ between the query and each row of some blocks. A block holds the
  // first 8 bytes of 8 rows, then the next 8 bytes of them, and so on, in n_words such words, each
  // 64-byte aligned. The query has as many words, fewer than 2^10.
  void (*count_words)(const uint8_t* query, const uint8_t* blocks, size_t n_blocks, size_t n_words,
                      uint32_t* counts) noexcept;
  // The same for the blocks of these numbers alone, in this order.
  void (*count_listed_words)(const uint8_t* query, const uint8_t* blocks, const uint32_t* listed,
                             size_t n_listed, size_t n_words, uint32_t* counts) noexcept;
  // The position of the first of the smallest of n numbers below 2^31, n >= 1.
  size_t (*first_least)(const uint32_t* numbers, size_t n) noexcept;
  // A number that at least `rank` of n counts do not exceed, and few others: with the counts dealt
  // out to kBoundLanes lanes, the rank-th least of the least ones of the lanes. Counts are at most
  // `most` < 2^30, and 1 <= rank <= min(n, kBoundLanes).
  uint32_t (*rank_bound)(const uint32_t* counts, size_t n, size_t rank, uint32_t most) noexcept;
  // Writes the positions of the counts that are at most `most`, ascending; returns how many. All
  // are below 2^31 - 1. positions has room for n + 16 entries.
  size_t (*select_at_most)(const uint32_t* counts, size_t n, uint32_t most,
                           uint32_t* positions) noexcept;
  // sums[i]: of the weights that row rows[i] has for the bits that are set in the code, 8 * n_bytes
  // weights a row; bit j is bit j % 8 of byte j / 8, counted from the lowest. n_bytes < 2^20.
  void (*weigh_bits)(const uint8_t* code, size_t n_bytes, const int8_t* weights,
                     const uint32_t* rows, size_t n_rows, int32_t* sums) noexcept;

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

  // out[r][c] = sum over k of rows[r][k] * matrix[k][c], added to 0 one by one with k ascending,
  // for 16 * n_panels columns c. Entry [k][16 p + j] of the matrix lies at
  // p * panel_stride + k * row_stride + j.
  void (*multiply_rows)(const float* rows, size_t n_rows, size_t n_dims, const float* matrix,
                        size_t n_panels, size_t panel_stride, size_t row_stride,
                        float* out) noexcept;
  // Multiplies the n_dims numbers of x by their factors; then replaces the n from `first` on by
  // their Walsh-Hadamard transform: for h = 1, 2, ... n / 2, a and b at a distance of h become
  // a + b and a - b. n is a power of two.
  void (*hadamard)(float* x, size_t n_dims, const float* factors, size_t first, size_t n) noexcept;
  // With h_i = min(rint(t * x_i - 1/2), most) + 1/2 for x_i >= 0, half of the odd level that stands
  // for x_i: product is the sum of x_i * h_i and squares that of h_i * h_i, added up as in dot.
  // t * x_i is below 2^22, where adding and subtracting 3 * 2^22 is rint.
  void (*level_sums)(const float* x, size_t n_dims, float t, float most, float* product,
                     float* squares) noexcept;

  // sums[r][c] = starts[c] + sum over k < 4 n_quads of rows[r][k] * matrix[k][c], for 16 * n_panels
  // columns c. Entry [4 p + i][16 q + j] of the matrix lies at q * panel_stride + 64 p + 4 j + i.
  // Entries of rows are at most 127, those of the matrix at least -127; no sum may leave 32 bits.
  void (*multiply_int8)(const uint8_t* rows, size_t n_rows, size_t row_stride, size_t n_quads,
                        const int8_t* matrix, size_t n_panels, size_t panel_stride,
                        const int32_t* starts, int32_t* sums) noexcept;
  // Decides 16 signs of each row in turn. left[j] = evidence[j] * stretch + fed_back[16 r + j] at
  // first; for i = 0, 1, ... 15, the sign is -1 where left[i] is negative, -0 included, else 1, and
  // then left[j] -= sign * feedback[16 i + j] for j < 16. signs[i] is the sign plus 1. At last
  // evidence[j] = left[j] - evidence[j] * (stretch - 1).
  void (*decide_signs)(float* evidence, size_t n_rows, size_t evidence_stride,
                       const float* fed_back, float stretch, const float* feedback, uint8_t* signs,
                       size_t sign_stride) noexcept;
  // The largest |x[i]|, where a NaN counts as more than infinity; 0 of no numbers.
  float (*largest_magnitude)(const float* x, size_t n) noexcept;
  // out[i] = rint(x[i] * factor) + offset, modulo 256. Products are below 2^22.
  void (*round_bytes)(const float* x, float factor, int offset, size_t n, uint8_t* out) noexcept;
  // out[j] += sums[j] * (factor * scales[j]), with sums[j] rounded to float.
  void (*add_scaled)(const int32_t* sums, const float* scales, float factor, size_t n,
                     float* out) noexcept;
  // With sign the number signs[j] - 1: weighed[j] = weights[j] * (left[j] - sign), and left[j]
  // becomes weighed[j] + noise * sign.
  void (*weigh_left)(const uint8_t* signs, const float* weights, float noise, size_t n, float* left,
                     float* weighed) noexcept;
  // With sign the number signs[j] - 1:
  //   costs[j] = (sign * gradient[j] + (own[j] + along_weight * along[j] * along[j])) * scales[j],
  //   pulls[j] = sign * pulls[j] * pull_scale,
  // operations rounded in the order written, results by rounded_short. out_signs[j] is -1 for
  // negative ones, else 0.
  void (*start_flips)(const FlipTerms& terms, size_t n, int16_t* costs, int16_t* pulls,
                      int16_t* out_signs) noexcept;
  // costs[j] += row[j] ^ sign ^ signs[j], and then the smallest of costs[j] + pull, for a pull of
  // pulls[j] * factor / 2^15, rounded, that is not stored. Both sums saturate. Of equal ones it
  // is the one with the smallest j % kFlipLanes, and of these the one with the smallest j. n is a
  // multiple of kFlipLanes, and not 0.
  CheapestFlip (*next_flip)(const FlipUpdate& update, const int16_t* signs, const int16_t* pulls,
                            size_t n, int16_t* costs) noexcept;
};

}  // namespace bitindex
