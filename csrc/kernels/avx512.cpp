// Needs   AVX-512 F, BW, DQ, VL, VNNI and VPOPCNTDQ (Ice Lake, Zen 4 and later).
// Method  counts: VPOPCNTQ, the sums of 8 rows formed by a tree of shuffles; tables: 64 look-ups of
//         4 bits by one VPSHUFB, summed in 8, 16 and 32 bits. Only masked loads touch a tail.
// Source  Mula, Kurz, Lemire, "Faster population counts using AVX2 instructions", 2018;
//         Andre, Kermarrec, Le Scouarnec, "Accelerated nearest neighbor search with Quick ADC",
//         2017.
#if defined(__x86_64__) || defined(_M_X64) || defined(BITINDEX_SIMDE)

#if defined(BITINDEX_SIMDE)
#include "simde_avx512.h"  // tests run this file on CPUs without AVX-512
#else
#include <immintrin.h>
#endif

#include <cstring>

#include "kernel_table.h"
#include "target.h"

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of the undefined vectors inside its own AVX-512 intrinsics (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

BITINDEX_BEGIN_TARGET("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vpopcntdq,popcnt")

#include "flip_kernels.h"
#include "hadamard_kernels.h"
#include "integer_kernels.h"
#include "matrix_kernels.h"
#include "plain_kernels.h"
#include "read_ahead.h"
#include "select_kernels.h"
#include "slice_kernels.h"
#include "vector_kernels.h"
#include "word_kernels.h"

namespace bitindex {
namespace {

__m512i load(const void* p) noexcept { return _mm512_loadu_si512(p); }
__m128i load128(const void* p) noexcept { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
void store(void* p, __m512i x) noexcept { _mm512_storeu_si512(p, x); }

struct Xor {
  static __m512i apply(__m512i a, __m512i b) noexcept { return _mm512_xor_si512(a, b); }
};
struct And {
  static __m512i apply(__m512i a, __m512i b) noexcept { return _mm512_and_si512(a, b); }
};
struct RowOnly {
  static __m512i apply(__m512i, __m512i row) noexcept { return row; }
};

// Sums of neighbouring 64-bit lanes: a01 b01 a23 b23 a45 b45 a67 b67.
__m512i add_lanes_u64(__m512i a, __m512i b) noexcept {
  return _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

// Sums of neighbouring 128-bit lanes, each of two 64-bit sums: a01 a23 b01 b23.
__m512i add_lanes_u64x2(__m512i a, __m512i b) noexcept {
  return _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
}

template <class Op>
void count_any(const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes,
               uint32_t* counts) noexcept {
  const size_t whole = n_bytes & ~size_t{63};
  const __mmask64 tail = (uint64_t{1} << (n_bytes - whole)) - 1;
  const __m512i query_tail = _mm512_maskz_loadu_epi8(tail, query + whole);
  for (size_t i = 0; i < n_rows; i += 8, rows += 8 * n_bytes) {
    const size_t here = n_rows - i < 8 ? n_rows - i : 8;
    __m512i count_u64x8[8];
    for (size_t r = 0; r < 8; ++r) {
      const uint8_t* row = rows + (r < here ? r : 0) * n_bytes;
      __m512i count = _mm512_setzero_si512();
      for (size_t c = 0; c < whole; c += 64)
        count =
            _mm512_add_epi64(count, _mm512_popcnt_epi64(Op::apply(load(query + c), load(row + c))));
      if (tail != 0) {
        const __m512i row_tail = _mm512_maskz_loadu_epi8(tail, row + whole);
        count = _mm512_add_epi64(count, _mm512_popcnt_epi64(Op::apply(query_tail, row_tail)));
      }
      count_u64x8[r] = count;
    }
    for (size_t r = 0; r < 4; ++r)
      count_u64x8[r] = add_lanes_u64(count_u64x8[2 * r], count_u64x8[2 * r + 1]);
    const __m512i sum_u64x8 = add_lanes_u64x2(add_lanes_u64x2(count_u64x8[0], count_u64x8[1]),
                                              add_lanes_u64x2(count_u64x8[2], count_u64x8[3]));
    const __mmask8 present = static_cast<__mmask8>((1u << here) - 1);
    _mm256_mask_storeu_epi32(counts + i, present, _mm512_cvtepi64_epi32(sum_u64x8));
  }
}

// The same tree, entered later, for rows of which 8, 4 or 2 fill a vector.
template <class Op, size_t kBytes>
void count_packed(const uint8_t* query, const uint8_t* rows, size_t n_rows,
                  uint32_t* counts) noexcept {
  uint8_t repeated[64];
  for (size_t c = 0; c < 64; c += kBytes) std::memcpy(repeated + c, query, kBytes);
  const __m512i queries = load(repeated);
  const auto count_u64x8 = [=](const uint8_t* p) noexcept {
    return _mm512_popcnt_epi64(Op::apply(queries, load(p)));
  };
  size_t i = 0;
  for (; i + 8 <= n_rows; i += 8, rows += 8 * kBytes) {
    read_ahead(rows, 8 * kBytes);
    __m512i sum_u64x8 = count_u64x8(rows);
    if (kBytes == 16) {
      sum_u64x8 = add_lanes_u64(sum_u64x8, count_u64x8(rows + 64));
      sum_u64x8 = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), sum_u64x8);
    } else if (kBytes == 32) {
      sum_u64x8 = add_lanes_u64x2(add_lanes_u64(sum_u64x8, count_u64x8(rows + 64)),
                                  add_lanes_u64(count_u64x8(rows + 128), count_u64x8(rows + 192)));
      sum_u64x8 = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 1, 3, 4, 6, 5, 7), sum_u64x8);
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(counts + i), _mm512_cvtepi64_epi32(sum_u64x8));
  }
  count_any<Op>(query, rows, n_rows - i, kBytes, counts + i);
}

template <class Op>
void count_rows(const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes,
                uint32_t* counts) noexcept {
  switch (n_bytes) {
    case 8:
      return count_packed<Op, 8>(query, rows, n_rows, counts);
    case 16:
      return count_packed<Op, 16>(query, rows, n_rows, counts);
    case 32:
      return count_packed<Op, 32>(query, rows, n_rows, counts);
  }
  count_any<Op>(query, rows, n_rows, n_bytes, counts);
}

void popcount_rows(const uint8_t* rows, size_t n_rows, size_t n_bytes, uint32_t* counts) noexcept {
  if (n_rows > 0) count_rows<RowOnly>(rows, rows, n_rows, n_bytes, counts);
}

// Interleaves the bytes of rows r and r + 8. With 4 bits of row number before 4 bits of column
// number, an address is rotated by one bit, so that four rounds swap rows and columns.
void interleave(const __m512i* from, __m512i* to) noexcept {
  for (size_t r = 0; r < 8; ++r) {
    to[2 * r] = _mm512_unpacklo_epi8(from[r], from[r + 8]);
    to[2 * r + 1] = _mm512_unpackhi_epi8(from[r], from[r + 8]);
  }
}

void transpose_16x16(__m512i* a) noexcept {
  __m512i b[16];
  interleave(a, b);
  interleave(b, a);
  interleave(a, b);
  interleave(b, a);
}

// Rows 0, step, 2 step and 3 step, 16 bytes each.
__m512i load_4_rows(const uint8_t* row, size_t step) noexcept {
  __m512i rows = _mm512_castsi128_si512(load128(row));
  rows = _mm512_inserti32x4(rows, load128(row + step), 1);
  rows = _mm512_inserti32x4(rows, load128(row + 2 * step), 2);
  return _mm512_inserti32x4(rows, load128(row + 3 * step), 3);
}

struct Bytes {
  using Vector = __m512i;
  using Table = __m512i;
  static constexpr size_t kRows = 64;
  static constexpr size_t kBlocksAtOnce = 4;

  static __m512i load(const uint8_t* p) noexcept { return bitindex::load(p); }
  static __m512i add(__m512i a, __m512i b) noexcept { return _mm512_add_epi8(a, b); }
  static __m512i broadcast(const uint8_t* entries) noexcept {
    return _mm512_broadcast_i32x4(load128(entries));
  }
  static __m512i look_up(__m512i table, __m512i nibbles) noexcept {
    return _mm512_shuffle_epi8(table, nibbles);
  }

  // Byte 4 * j + i of a vector belongs to row j + 16 * i: Sums::write then needs no shuffle.
  static void transpose_tile(const uint8_t* rows, size_t stride, size_t n_columns,
                             uint8_t* out) noexcept {
    __m512i a[16];
    for (size_t r = 0; r < 16; ++r)
      a[r] = load_4_rows(rows + (16 * (r % 4) + r / 4) * stride, 4 * stride);
    transpose_16x16(a);
    const __m512i nibble = _mm512_set1_epi8(15);
    for (size_t c = 0; c < 16; ++c) {
      if (c >= n_columns) break;
      store(out + 128 * c, _mm512_and_si512(a[c], nibble));
      store(out + 128 * c + 64, _mm512_and_si512(_mm512_srli_epi16(a[c], 4), nibble));
    }
  }

  // `words` adds up pairs of bytes as even + 256 * odd modulo 2^16, `odd` the odd bytes alone,
  // which costs one operation less than to widen both.
  struct Sums {
    __m512i words, odd;

    void clear() noexcept { words = odd = _mm512_setzero_si512(); }
    void add(__m512i bytes) noexcept {
      words = _mm512_add_epi16(words, bytes);
      odd = _mm512_add_epi16(odd, _mm512_srli_epi16(bytes, 8));
    }
    __m512i even() const noexcept { return _mm512_sub_epi16(words, _mm512_slli_epi16(odd, 8)); }
    bool any_at_least(uint32_t least) const noexcept {
      if (least > 0xffff) return false;
      const __m512i bound = _mm512_set1_epi16(static_cast<int16_t>(least));
      return _mm512_cmpge_epu16_mask(_mm512_max_epu16(even(), odd), bound) != 0;
    }
    void write(uint32_t* sums, bool add_to_sums) const noexcept {
      const __m512i even = this->even();
      const __m512i low_half = _mm512_set1_epi32(0xffff);
      const __m512i sums_u32x16[4] = {_mm512_and_si512(even, low_half),
                                      _mm512_and_si512(odd, low_half), _mm512_srli_epi32(even, 16),
                                      _mm512_srli_epi32(odd, 16)};
      for (size_t j = 0; j < 4; ++j) {
        const __m512i before = add_to_sums ? bitindex::load(sums + 16 * j) : _mm512_setzero_si512();
        store(sums + 16 * j, _mm512_add_epi32(sums_u32x16[j], before));
      }
    }
  };
};

struct Slices {
  using Vector = __m512i;
  static constexpr size_t kBytes = 64;
  static constexpr bool kTernary = true;

  static __m512i zero() noexcept { return _mm512_setzero_si512(); }
  static __m512i bytes(uint8_t x) noexcept { return _mm512_set1_epi8(static_cast<char>(x)); }
  static __m512i all_if(bool x) noexcept { return _mm512_set1_epi32(-static_cast<int>(x)); }
  static __m512i load(const uint8_t* p) noexcept { return bitindex::load(p); }
  static void store(uint8_t* p, __m512i x) noexcept { bitindex::store(p, x); }
  static __m512i and_(__m512i a, __m512i b) noexcept { return _mm512_and_si512(a, b); }
  static __m512i or_(__m512i a, __m512i b) noexcept { return _mm512_or_si512(a, b); }
  static __m512i xor_(__m512i a, __m512i b) noexcept { return _mm512_xor_si512(a, b); }
  static __m512i not_(__m512i a) noexcept { return xor_(a, all_if(true)); }
  static bool any(__m512i a) noexcept { return _mm512_test_epi64_mask(a, a) != 0; }
  static __m512i shift_left(__m512i a, int n) noexcept {
    return _mm512_sll_epi16(a, _mm_cvtsi32_si128(n));
  }
  static __m512i shift_right(__m512i a, int n) noexcept {
    return _mm512_srl_epi16(a, _mm_cvtsi32_si128(n));
  }
  // The truth tables of VPTERNLOG: majority and parity of three bits.
  static __m512i majority(__m512i a, __m512i b, __m512i c) noexcept {
    return _mm512_ternarylogic_epi64(a, b, c, 0xe8);
  }
  static __m512i parity(__m512i a, __m512i b, __m512i c) noexcept {
    return _mm512_ternarylogic_epi64(a, b, c, 0x96);
  }
  static uint32_t lowest_bit(uint64_t x) noexcept {
    return static_cast<uint32_t>(__builtin_ctzll(x));
  }
  static void transpose_tile(const uint8_t* rows, size_t stride, __m512i* columns) noexcept {
    for (size_t r = 0; r < 16; ++r) columns[r] = load_4_rows(rows + r * stride, 16 * stride);
    transpose_16x16(columns);
  }
};

struct Words {
  static constexpr size_t kBlocksAtOnce = 4;
  __m512i sums_u64x8;

  static Words zero() noexcept { return {_mm512_setzero_si512()}; }
  static __m512i broadcast(const uint8_t* word) noexcept {
    int64_t bits;
    std::memcpy(&bits, word, sizeof bits);
    return _mm512_set1_epi64(bits);
  }
  void add(__m512i query, const uint8_t* words) noexcept {
    const __m512i differing = _mm512_xor_si512(query, load(words));
    sums_u64x8 = _mm512_add_epi64(sums_u64x8, _mm512_popcnt_epi64(differing));
  }
  void store(uint32_t* sums) const noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums), _mm512_cvtepi64_epi32(sums_u64x8));
  }
};

struct Floats {
  static constexpr size_t kTileRows = 4, kTileVectors = 6, kRadix = 16;
  __m512 x;

  static Floats zero() noexcept { return {_mm512_setzero_ps()}; }
  static Floats set(float x) noexcept { return {_mm512_set1_ps(x)}; }
  static Floats load(const float* x) noexcept { return {_mm512_loadu_ps(x)}; }
  static Floats load(const uint16_t* x) noexcept {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)))};
  }
  static Floats load(const int8_t* x) noexcept {
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load128(x)))};
  }
  static Floats from_ints(const uint32_t* x) noexcept {
    return {_mm512_cvtepi32_ps(bitindex::load(x))};
  }
  void store(float* p) const noexcept { _mm512_storeu_ps(p, x); }
  template <size_t kStep>
  Floats butterfly() const noexcept {
    constexpr __mmask16 kUpper = kStep == 1   ? 0xaaaa
                                 : kStep == 2 ? 0xcccc
                                 : kStep == 4 ? 0xf0f0
                                              : 0xff00;
    const __m512 partner = kStep == 1   ? _mm512_permute_ps(x, 0xb1)
                           : kStep == 2 ? _mm512_permute_ps(x, 0x4e)
                           : kStep == 4 ? _mm512_shuffle_f32x4(x, x, 0xb1)
                                        : _mm512_shuffle_f32x4(x, x, 0x4e);
    return {_mm512_mask_sub_ps(_mm512_add_ps(partner, x), kUpper, partner, x)};
  }
};

Floats operator+(Floats a, Floats b) noexcept { return {_mm512_add_ps(a.x, b.x)}; }
Floats operator-(Floats a, Floats b) noexcept { return {_mm512_sub_ps(a.x, b.x)}; }
Floats operator*(Floats a, Floats b) noexcept { return {_mm512_mul_ps(a.x, b.x)}; }

Floats smaller(Floats a, Floats b) noexcept { return {_mm512_min_ps(a.x, b.x)}; }
// The truth table of a ^ (b & c).
Floats flip_signs(Floats a, Floats b) noexcept {
  return {_mm512_castsi512_ps(_mm512_ternarylogic_epi32(
      _mm512_castps_si512(a.x), _mm512_castps_si512(b.x), _mm512_set1_epi32(INT32_MIN), 0x78))};
}

float add_lanes(Floats a) noexcept {
  const __m256 sum_f32x8 =
      _mm256_add_ps(_mm512_castps512_ps256(a.x), _mm512_extractf32x8_ps(a.x, 1));
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(sum_f32x8), _mm256_extractf128_ps(sum_f32x8, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

struct Mask {
  __mmask16 rows;
};

Mask at_most(Floats a, Floats b) noexcept { return {_mm512_cmp_ps_mask(a.x, b.x, _CMP_LE_OQ)}; }

bool any(Mask a, Mask b) noexcept { return (a.rows | b.rows) != 0; }

// Compressed in a register: a compressing store is microcode on Zen 4.
size_t append(Mask mask, size_t first, uint32_t* positions) noexcept {
  const __m512i rows =
      _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(first)),
                       _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  store(positions, _mm512_maskz_compress_epi32(mask.rows, rows));
  return static_cast<size_t>(_mm_popcnt_u32(mask.rows));
}

struct Counts {
  __m512i x_u32x16;

  static Counts set(uint32_t x) noexcept { return {_mm512_set1_epi32(static_cast<int>(x))}; }
  static Counts load(const uint32_t* x) noexcept { return {bitindex::load(x)}; }
};

Counts smaller(Counts a, Counts b) noexcept { return {_mm512_min_epi32(a.x_u32x16, b.x_u32x16)}; }
Mask below(Counts a, Counts b) noexcept {
  return {_mm512_cmpgt_epi32_mask(b.x_u32x16, a.x_u32x16)};
}
size_t n_set(Mask mask) noexcept { return static_cast<size_t>(_mm_popcnt_u32(mask.rows)); }

struct Shorts {
  __m512i x_i16x32;

  static Shorts set(int16_t x) noexcept { return {_mm512_set1_epi16(x)}; }
  static Shorts load(const int16_t* x) noexcept { return {bitindex::load(x)}; }
  void store(int16_t* x) const noexcept { bitindex::store(x, x_i16x32); }
};

Shorts xor_bits(Shorts a, Shorts b, Shorts c) noexcept {
  return {_mm512_ternarylogic_epi32(a.x_i16x32, b.x_i16x32, c.x_i16x32, 0x96)};
}
Shorts add_saturated(Shorts a, Shorts b) noexcept {
  return {_mm512_adds_epi16(a.x_i16x32, b.x_i16x32)};
}
Shorts multiply_rounded(Shorts a, Shorts b) noexcept {
  return {_mm512_mulhrs_epi16(a.x_i16x32, b.x_i16x32)};
}
Shorts smaller(Shorts a, Shorts b) noexcept { return {_mm512_min_epi16(a.x_i16x32, b.x_i16x32)}; }
Shorts replace_where_less(Shorts a, Shorts b, Shorts x, Shorts y) noexcept {
  return {_mm512_mask_mov_epi16(b.x_i16x32, _mm512_cmpgt_epi16_mask(y.x_i16x32, x.x_i16x32),
                                a.x_i16x32)};
}

// PHMINPOSUW finds the smallest of 8 numbers without a sign.
CheapestFlip first_smallest(Shorts a) noexcept {
  const __m256i least_i16x16 = _mm256_min_epi16(_mm512_castsi512_si256(a.x_i16x32),
                                                _mm512_extracti64x4_epi64(a.x_i16x32, 1));
  const __m128i least_i16x8 = _mm_min_epi16(_mm256_castsi256_si128(least_i16x16),
                                            _mm256_extracti128_si256(least_i16x16, 1));
  const __m128i sign_u16x8 = _mm_set1_epi16(INT16_MIN);
  const __m128i least =
      _mm_xor_si128(_mm_minpos_epu16(_mm_xor_si128(least_i16x8, sign_u16x8)), sign_u16x8);
  const __mmask32 smallest = _mm512_cmpeq_epi16_mask(a.x_i16x32, _mm512_broadcastw_epi16(least));
  return {Slices::lowest_bit(smallest), static_cast<int16_t>(_mm_extract_epi16(least, 0))};
}

struct Integers {
  using Quads = __m512i;
  static constexpr size_t kTileRows = 4, kTileVectors = 6, kNarrowRows = 12;
  __m512i sum_i32x16;

  static Integers load(const int32_t* x) noexcept { return {bitindex::load(x)}; }
  static __m512i load_quads(const int8_t* x) noexcept { return bitindex::load(x); }
  static __m512i quad(const uint8_t* x) noexcept {
    int32_t four;
    std::memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
  }
  void store(int32_t* x) const noexcept { bitindex::store(x, sum_i32x16); }
};

Integers add_products(Integers sum, __m512i a, __m512i b) noexcept {
  return {_mm512_dpbusd_epi32(sum.sum_i32x16, a, b)};
}

}  // namespace

extern const KernelTable kAvx512Kernels;
const KernelTable kAvx512Kernels = {
    "avx512",
    popcount_rows,
    count_rows<Xor>,
    count_rows<And>,
    Bytes::kRows,
    transpose_rows<Bytes>,
    table_sums<Bytes>,
    8 * Slices::kBytes,
    slice_bits<Slices>,
    count_slices<Slices>,
    count_words<Words>,
    count_listed_words<Words>,
    first_least<Floats>,
    rank_bound<Counts>,
    select_at_most<Counts>,
    weigh_bits<Floats>,
    select_rows<Floats>,
    {dot<Floats, float>, dot<Floats, uint16_t>, dot<Floats, int8_t>},
    {squared_l2<Floats, float>, squared_l2<Floats, uint16_t>, squared_l2<Floats, int8_t>},
    multiply_rows<Floats>,
    hadamard<Floats>,
    level_sums<Floats>,
    multiply_int8<Integers>,
    decide_signs<Floats>,
    largest_magnitude<Floats>,
    round_bytes<Floats>,
    add_scaled<Floats>,
    weigh_left<Floats>,
    start_flips<Floats>,
    next_flip<Shorts>,
};

}  // namespace bitindex

BITINDEX_END_TARGET

#endif
