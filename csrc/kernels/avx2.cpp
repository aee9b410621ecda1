// Needs   AVX2, POPCNT, F16C, BMI1.
// Method  Bits of rows: counts of nibbles by VPSHUFB; POPCNT for odd short codes.
//         Tables: 32 look-ups of 4 bits by one VPSHUFB, summed in 8, 16 and 32 bits.
// Source  Mula, Kurz, Lemire, "Faster population counts using AVX2 instructions", 2018;
//         Andre, Kermarrec, Le Scouarnec, "Accelerated nearest neighbor search with Quick ADC",
//         2017.
#if defined(__x86_64__) || defined(_M_X64)

#include <immintrin.h>

#include "kernel_table.h"
#include "remainders.h"
#include "target.h"

BITINDEX_BEGIN_TARGET("avx2,bmi,popcnt,f16c")

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

__m256i load(const void* p) noexcept { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

__m128i load128(const void* p) noexcept { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }

__m128i load64x1(const void* p) noexcept { return _mm_loadl_epi64(static_cast<const __m128i*>(p)); }

void store(void* p, __m256i x) noexcept { _mm256_storeu_si256(static_cast<__m256i*>(p), x); }

struct Xor {
  static uint64_t apply(uint64_t a, uint64_t b) noexcept { return a ^ b; }
  static __m256i apply(__m256i a, __m256i b) noexcept { return _mm256_xor_si256(a, b); }
};
struct And {
  static uint64_t apply(uint64_t a, uint64_t b) noexcept { return a & b; }
  static __m256i apply(__m256i a, __m256i b) noexcept { return _mm256_and_si256(a, b); }
};
struct RowOnly {
  static uint64_t apply(uint64_t, uint64_t row) noexcept { return row; }
  static __m256i apply(__m256i, __m256i row) noexcept { return row; }
};

uint32_t count_bits(uint64_t x) noexcept { return static_cast<uint32_t>(_mm_popcnt_u64(x)); }

__m256i count_bits_u8x32(__m256i x) noexcept {
  const __m256i bits_of_nibble =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
  const __m256i nibble = _mm256_set1_epi8(15);
  return _mm256_add_epi8(
      _mm256_shuffle_epi8(bits_of_nibble, _mm256_and_si256(x, nibble)),
      _mm256_shuffle_epi8(bits_of_nibble, _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble)));
}

template <class Op>
void count_short_codes(const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes,
                       uint32_t* counts) noexcept {
  const size_t whole = n_bytes & ~size_t{7};
  const uint64_t query_tail = whole < n_bytes ? load_tail(query, n_bytes) : 0;
  for (size_t i = 0; i < n_rows; ++i, rows += n_bytes) {
    uint32_t count = 0;
    for (size_t c = 0; c < whole; c += 8)
      count += count_bits(Op::apply(load64(query + c), load64(rows + c)));
    if (whole < n_bytes) count += count_bits(Op::apply(query_tail, load_tail(rows, n_bytes)));
    counts[i] = count;
  }
}

// The bits of each 8 bytes.
__m256i count_bits_u64x4(__m256i x) noexcept {
  return _mm256_sad_epu8(count_bits_u8x32(x), _mm256_setzero_si256());
}

// Numbers below 2^32 side by side: the first of a, the first of b, the second of a, ...
__m256i interleave_u32x8(__m256i a_u64x4, __m256i b_u64x4) noexcept {
  return _mm256_or_si256(a_u64x4, _mm256_slli_epi64(b_u64x4, 32));
}

// Sums of the first two and the last two numbers of each: the four first sums, the four last.
__m256i add_pairs_u32x8(const __m256i* x_u64x4) noexcept {
  const __m256i first = interleave_u32x8(x_u64x4[0], x_u64x4[1]);
  const __m256i second = interleave_u32x8(x_u64x4[2], x_u64x4[3]);
  return _mm256_add_epi32(_mm256_unpacklo_epi64(first, second),
                          _mm256_unpackhi_epi64(first, second));
}

// For n_bytes = 8: a vector holds 4 rows.
template <class Op>
void count_words(const uint8_t* query, const uint8_t* rows, size_t n_rows,
                 uint32_t* counts) noexcept {
  const __m256i query_u64x4 = _mm256_set1_epi64x(static_cast<int64_t>(load64(query)));
  const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
  size_t i = 0;
  for (; i + 8 <= n_rows; i += 8, rows += 64) {
    read_ahead(rows, 64);
    const __m256i counts_u32x8 =
        interleave_u32x8(count_bits_u64x4(Op::apply(query_u64x4, load(rows))),
                         count_bits_u64x4(Op::apply(query_u64x4, load(rows + 32))));
    store(counts + i, _mm256_permutevar8x32_epi32(counts_u32x8, order));
  }
  count_short_codes<Op>(query, rows, n_rows - i, 8, counts + i);
}

// For n_bytes = 16: a vector holds 2 rows.
template <class Op>
void count_double_words(const uint8_t* query, const uint8_t* rows, size_t n_rows,
                        uint32_t* counts) noexcept {
  const __m256i query_u8x32 = _mm256_broadcastsi128_si256(load128(query));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  size_t i = 0;
  for (; i + 8 <= n_rows; i += 8, rows += 128) {
    read_ahead(rows, 128);
    __m256i counts_u64x4[4];
    for (size_t v = 0; v < 4; ++v)
      counts_u64x4[v] = count_bits_u64x4(Op::apply(query_u8x32, load(rows + 32 * v)));
    store(counts + i, _mm256_permutevar8x32_epi32(add_pairs_u32x8(counts_u64x4), order));
  }
  count_short_codes<Op>(query, rows, n_rows - i, 16, counts + i);
}

// For n_bytes >= 32; kBytes is that number where the compiler shall know it, else 0.
template <class Op, size_t kBytes>
void count_long_codes(const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes,
                      uint32_t* counts) noexcept {
  if (kBytes > 0) n_bytes = kBytes;
  // The last vector overlaps the one before; a mask keeps its new bytes.
  alignas(32) uint8_t is_new[64] = {};
  std::memset(is_new + 32, 0xff, 32);
  const size_t whole = n_bytes & ~size_t{31};
  const __m256i tail_mask = load(is_new + (n_bytes - whole));
  const auto bits = [=](const uint8_t* row, size_t c) noexcept {
    return Op::apply(load(query + c), load(row + c));
  };
  const auto count_u64x4 = [=](const uint8_t* row) noexcept {
    constexpr size_t kMaxBytes = 31 * 32;  // 31 vectors with up to 8 bits a byte
    __m256i sum_u64x4 = _mm256_setzero_si256();
    for (size_t c = 0; c < whole;) {
      const size_t stop = whole - c < kMaxBytes ? whole : c + kMaxBytes;
      __m256i sum_u8x32 = _mm256_setzero_si256();
      for (; c < stop; c += 32)
        sum_u8x32 = _mm256_add_epi8(sum_u8x32, count_bits_u8x32(bits(row, c)));
      sum_u64x4 = _mm256_add_epi64(sum_u64x4, _mm256_sad_epu8(sum_u8x32, _mm256_setzero_si256()));
    }
    if (whole == n_bytes) return sum_u64x4;
    const __m256i tail = _mm256_and_si256(bits(row, n_bytes - 32), tail_mask);
    return _mm256_add_epi64(sum_u64x4, count_bits_u64x4(tail));
  };
  const auto count_4 = [](const __m256i* sums_u64x4) noexcept {
    const __m256i halves_u32x8 = add_pairs_u32x8(sums_u64x4);
    return _mm_add_epi32(_mm256_castsi256_si128(halves_u32x8),
                         _mm256_extracti128_si256(halves_u32x8, 1));
  };
  size_t i = 0;
  for (; i + 4 <= n_rows; i += 4, rows += 4 * n_bytes) {
    read_ahead(rows, 4 * n_bytes);
    __m256i sums_u64x4[4];
    for (size_t r = 0; r < 4; ++r) sums_u64x4[r] = count_u64x4(rows + r * n_bytes);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(counts + i), count_4(sums_u64x4));
  }
  for (; i < n_rows; ++i, rows += n_bytes) {
    const __m256i sums_u64x4[4] = {count_u64x4(rows)};
    counts[i] = static_cast<uint32_t>(_mm_cvtsi128_si32(count_4(sums_u64x4)));
  }
}

template <class Op>
void count_rows(const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes,
                uint32_t* counts) noexcept {
  switch (n_bytes) {
    case 8:
      return count_words<Op>(query, rows, n_rows, counts);
    case 16:
      return count_double_words<Op>(query, rows, n_rows, counts);
    case 32:
      return count_long_codes<Op, 32>(query, rows, n_rows, n_bytes, counts);
    case 48:
      return count_long_codes<Op, 48>(query, rows, n_rows, n_bytes, counts);
    case 64:
      return count_long_codes<Op, 64>(query, rows, n_rows, n_bytes, counts);
    case 96:
      return count_long_codes<Op, 96>(query, rows, n_rows, n_bytes, counts);
    case 128:
      return count_long_codes<Op, 128>(query, rows, n_rows, n_bytes, counts);
    case 192:
      return count_long_codes<Op, 192>(query, rows, n_rows, n_bytes, counts);
    case 256:
      return count_long_codes<Op, 256>(query, rows, n_rows, n_bytes, counts);
  }
  if (n_bytes < 32) return count_short_codes<Op>(query, rows, n_rows, n_bytes, counts);
  count_long_codes<Op, 0>(query, rows, n_rows, n_bytes, counts);
}

void popcount_rows(const uint8_t* rows, size_t n_rows, size_t n_bytes, uint32_t* counts) noexcept {
  if (n_rows > 0) count_rows<RowOnly>(rows, rows, n_rows, n_bytes, counts);
}

// Interleaves the bytes of rows r and r + 8. With 4 bits of row number before 4 bits of column
// number, an address is rotated by one bit, so that four rounds swap rows and columns.
void interleave(const __m256i* from, __m256i* to) noexcept {
  for (size_t r = 0; r < 8; ++r) {
    to[2 * r] = _mm256_unpacklo_epi8(from[r], from[r + 8]);
    to[2 * r + 1] = _mm256_unpackhi_epi8(from[r], from[r + 8]);
  }
}

void transpose_16x16(__m256i* a) noexcept {
  __m256i b[16];
  interleave(a, b);
  interleave(b, a);
  interleave(a, b);
  interleave(b, a);
}

struct Bytes {
  using Vector = __m256i;
  using Table = __m256i;
  static constexpr size_t kRows = 32;
  static constexpr size_t kBlocksAtOnce = 3;

  static __m256i load(const uint8_t* p) noexcept { return bitindex::load(p); }
  static __m256i add(__m256i a, __m256i b) noexcept { return _mm256_add_epi8(a, b); }
  static __m256i broadcast(const uint8_t* entries) noexcept {
    return _mm256_broadcastsi128_si256(load128(entries));
  }
  static __m256i look_up(__m256i table, __m256i nibbles) noexcept {
    return _mm256_shuffle_epi8(table, nibbles);
  }

  // Byte 4 * j + i of a vector belongs to row j + 8 * i: Sums::write then needs no shuffle.
  static void transpose_tile(const uint8_t* rows, size_t stride, size_t n_columns,
                             uint8_t* out) noexcept {
    __m256i a[16];
    for (size_t r = 0; r < 16; ++r) {
      const uint8_t* row = rows + (8 * (r % 4) + r / 4) * stride;
      a[r] = _mm256_inserti128_si256(_mm256_castsi128_si256(load128(row)),
                                     load128(row + 4 * stride), 1);
    }
    transpose_16x16(a);
    const __m256i nibble = _mm256_set1_epi8(15);
    for (size_t c = 0; c < 16; ++c) {
      if (c >= n_columns) break;
      store(out + 64 * c, _mm256_and_si256(a[c], nibble));
      store(out + 64 * c + 32, _mm256_and_si256(_mm256_srli_epi16(a[c], 4), nibble));
    }
  }

  // `words` adds up pairs of bytes as even + 256 * odd modulo 2^16, `odd` the odd bytes alone,
  // which costs one operation less than to widen both.
  struct Sums {
    __m256i words, odd;

    void clear() noexcept { words = odd = _mm256_setzero_si256(); }
    void add(__m256i bytes) noexcept {
      words = _mm256_add_epi16(words, bytes);
      // A shift by 8 as a multiplication: on Zen, shifts share their ports with shuffles.
      odd = _mm256_add_epi16(odd, _mm256_mulhi_epu16(bytes, _mm256_set1_epi16(256)));
    }
    __m256i even() const noexcept { return _mm256_sub_epi16(words, _mm256_slli_epi16(odd, 8)); }
    bool any_at_least(uint32_t least) const noexcept {
      if (least > 0xffff) return false;
      const __m256i below = _mm256_set1_epi16(static_cast<int16_t>(least - 1));
      // What is left of the larger one where `below` is subtracted with saturation.
      const __m256i above = _mm256_subs_epu16(_mm256_max_epu16(even(), odd), below);
      return least == 0 || _mm256_testz_si256(above, above) == 0;
    }
    void write(uint32_t* sums, bool add_to_sums) const noexcept {
      const __m256i even = this->even();
      const __m256i low_half = _mm256_set1_epi32(0xffff);
      const __m256i sums_u32x8[4] = {_mm256_and_si256(even, low_half),
                                     _mm256_and_si256(odd, low_half), _mm256_srli_epi32(even, 16),
                                     _mm256_srli_epi32(odd, 16)};
      for (size_t j = 0; j < 4; ++j) {
        const __m256i before = add_to_sums ? bitindex::load(sums + 8 * j) : _mm256_setzero_si256();
        store(sums + 8 * j, _mm256_add_epi32(sums_u32x8[j], before));
      }
    }
  };
};

struct Slices {
  using Vector = __m256i;
  static constexpr size_t kBytes = 32;
  static constexpr bool kTernary = false;

  static __m256i zero() noexcept { return _mm256_setzero_si256(); }
  static __m256i bytes(uint8_t x) noexcept { return _mm256_set1_epi8(static_cast<char>(x)); }
  static __m256i all_if(bool x) noexcept { return _mm256_set1_epi32(-static_cast<int>(x)); }
  static __m256i load(const uint8_t* p) noexcept { return bitindex::load(p); }
  static void store(uint8_t* p, __m256i x) noexcept { bitindex::store(p, x); }
  static __m256i and_(__m256i a, __m256i b) noexcept { return _mm256_and_si256(a, b); }
  static __m256i or_(__m256i a, __m256i b) noexcept { return _mm256_or_si256(a, b); }
  static __m256i xor_(__m256i a, __m256i b) noexcept { return _mm256_xor_si256(a, b); }
  static __m256i not_(__m256i a) noexcept { return xor_(a, all_if(true)); }
  static __m256i and_not(__m256i a, __m256i b) noexcept { return _mm256_andnot_si256(b, a); }
  static bool any(__m256i a) noexcept { return _mm256_testz_si256(a, a) == 0; }
  static __m256i shift_left(__m256i a, int n) noexcept {
    return _mm256_sll_epi16(a, _mm_cvtsi32_si128(n));
  }
  static __m256i shift_right(__m256i a, int n) noexcept {
    return _mm256_srl_epi16(a, _mm_cvtsi32_si128(n));
  }
  static __m256i majority(__m256i a, __m256i b, __m256i c) noexcept {
    return or_(and_(a, b), and_(c, or_(a, b)));
  }
  static uint32_t lowest_bit(uint64_t x) noexcept { return static_cast<uint32_t>(_tzcnt_u64(x)); }
  static void transpose_tile(const uint8_t* rows, size_t stride, __m256i* columns) noexcept {
    for (size_t r = 0; r < 16; ++r)
      columns[r] = _mm256_inserti128_si256(_mm256_castsi128_si256(load128(rows + r * stride)),
                                           load128(rows + (r + 16) * stride), 1);
    transpose_16x16(columns);
  }
};

struct Words {
  static constexpr size_t kBlocksAtOnce = 2;
  __m256i low_u64x4, high_u64x4;

  static Words zero() noexcept { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static __m256i broadcast(const uint8_t* word) noexcept {
    return _mm256_set1_epi64x(static_cast<int64_t>(load64(word)));
  }
  void add(__m256i query, const uint8_t* words) noexcept {
    low_u64x4 = _mm256_add_epi64(low_u64x4, count_bits_u64x4(_mm256_xor_si256(query, load(words))));
    high_u64x4 =
        _mm256_add_epi64(high_u64x4, count_bits_u64x4(_mm256_xor_si256(query, load(words + 32))));
  }
  void store(uint32_t* sums) const noexcept {
    const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    bitindex::store(sums,
                    _mm256_permutevar8x32_epi32(interleave_u32x8(low_u64x4, high_u64x4), order));
  }
};

struct Floats {
  static constexpr size_t kTileRows = 6, kTileVectors = 1, kRadix = 4;
  __m256 low, high;

  static Floats zero() noexcept { return set(0.0f); }
  static Floats set(float x) noexcept { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Floats load(const float* x) noexcept {
    return {_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)};
  }
  static Floats load(const uint16_t* x) noexcept {
    return {_mm256_cvtph_ps(load128(x)), _mm256_cvtph_ps(load128(x + 8))};
  }
  static Floats load(const int8_t* x) noexcept {
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load64x1(x))),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(load64x1(x + 8)))};
  }
  static Floats from_ints(const uint32_t* x) noexcept {
    return {_mm256_cvtepi32_ps(bitindex::load(x)), _mm256_cvtepi32_ps(bitindex::load(x + 8))};
  }
  void store(float* x) const noexcept {
    _mm256_storeu_ps(x, low);
    _mm256_storeu_ps(x + 8, high);
  }
  template <size_t kStep>
  Floats butterfly() const noexcept {
    if constexpr (kStep == 8) return {_mm256_add_ps(low, high), _mm256_sub_ps(low, high)};
    return {butterfly_f32x8<kStep>(low), butterfly_f32x8<kStep>(high)};
  }

 private:
  template <size_t kStep>
  static __m256 butterfly_f32x8(__m256 x) noexcept {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i upper = _mm256_slli_epi32(lane, kStep == 1 ? 31 : kStep == 2 ? 30 : 29);
    const __m256 sign = _mm256_and_ps(_mm256_castsi256_ps(upper), _mm256_set1_ps(-0.0f));
    const __m256 partner = kStep == 1   ? _mm256_permute_ps(x, 0xb1)
                           : kStep == 2 ? _mm256_permute_ps(x, 0x4e)
                                        : _mm256_permute2f128_ps(x, x, 1);
    return _mm256_add_ps(partner, _mm256_xor_ps(x, sign));
  }
};

Floats operator+(Floats a, Floats b) noexcept {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
Floats operator-(Floats a, Floats b) noexcept {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
Floats operator*(Floats a, Floats b) noexcept {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}

Floats smaller(Floats a, Floats b) noexcept {
  return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}

Floats flip_signs(Floats a, Floats b) noexcept {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_xor_ps(a.low, _mm256_and_ps(b.low, sign)),
          _mm256_xor_ps(a.high, _mm256_and_ps(b.high, sign))};
}

float add_lanes(Floats x) noexcept {
  const __m256 sum_f32x8 = _mm256_add_ps(x.low, x.high);
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(sum_f32x8), _mm256_extractf128_ps(sum_f32x8, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

struct Mask {
  __m256 low, high;
};

Mask at_most(Floats a, Floats b) noexcept {
  return {_mm256_cmp_ps(a.low, b.low, _CMP_LE_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_LE_OQ)};
}

bool any(Mask a, Mask b) noexcept {
  return _mm256_movemask_ps(
             _mm256_or_ps(_mm256_or_ps(a.low, a.high), _mm256_or_ps(b.low, b.high))) != 0;
}

size_t append(Mask mask, size_t first, uint32_t* positions) noexcept {
  uint32_t rows =
      static_cast<uint32_t>(_mm256_movemask_ps(mask.low) | _mm256_movemask_ps(mask.high) << 8);
  size_t found = 0;
  for (; rows != 0; rows &= rows - 1)
    positions[found++] = static_cast<uint32_t>(first) + _tzcnt_u32(rows);
  return found;
}

struct Counts {
  __m256i low, high;

  static Counts set(uint32_t x) noexcept {
    const __m256i all = _mm256_set1_epi32(static_cast<int>(x));
    return {all, all};
  }
  static Counts load(const uint32_t* x) noexcept {
    return {bitindex::load(x), bitindex::load(x + 8)};
  }
};

Counts smaller(Counts a, Counts b) noexcept {
  return {_mm256_min_epi32(a.low, b.low), _mm256_min_epi32(a.high, b.high)};
}
Mask below(Counts a, Counts b) noexcept {
  return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(b.low, a.low)),
          _mm256_castsi256_ps(_mm256_cmpgt_epi32(b.high, a.high))};
}
size_t n_set(Mask mask) noexcept {
  return static_cast<size_t>(_mm_popcnt_u32(
      static_cast<uint32_t>(_mm256_movemask_ps(mask.low) << 8 | _mm256_movemask_ps(mask.high))));
}

struct Shorts {
  __m256i low_i16x16, high_i16x16;

  static Shorts set(int16_t x) noexcept { return {_mm256_set1_epi16(x), _mm256_set1_epi16(x)}; }
  static Shorts load(const int16_t* x) noexcept {
    return {bitindex::load(x), bitindex::load(x + 16)};
  }
  void store(int16_t* x) const noexcept {
    bitindex::store(x, low_i16x16);
    bitindex::store(x + 16, high_i16x16);
  }
};

__m256i xor_bits(__m256i a, __m256i b, __m256i c) noexcept {
  return _mm256_xor_si256(a, _mm256_xor_si256(b, c));
}
Shorts xor_bits(Shorts a, Shorts b, Shorts c) noexcept {
  return {xor_bits(a.low_i16x16, b.low_i16x16, c.low_i16x16),
          xor_bits(a.high_i16x16, b.high_i16x16, c.high_i16x16)};
}
Shorts add_saturated(Shorts a, Shorts b) noexcept {
  return {_mm256_adds_epi16(a.low_i16x16, b.low_i16x16),
          _mm256_adds_epi16(a.high_i16x16, b.high_i16x16)};
}
Shorts multiply_rounded(Shorts a, Shorts b) noexcept {
  return {_mm256_mulhrs_epi16(a.low_i16x16, b.low_i16x16),
          _mm256_mulhrs_epi16(a.high_i16x16, b.high_i16x16)};
}
Shorts smaller(Shorts a, Shorts b) noexcept {
  return {_mm256_min_epi16(a.low_i16x16, b.low_i16x16),
          _mm256_min_epi16(a.high_i16x16, b.high_i16x16)};
}
__m256i replace_where_less(__m256i a, __m256i b, __m256i x, __m256i y) noexcept {
  return _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi16(y, x));
}
Shorts replace_where_less(Shorts a, Shorts b, Shorts x, Shorts y) noexcept {
  return {replace_where_less(a.low_i16x16, b.low_i16x16, x.low_i16x16, y.low_i16x16),
          replace_where_less(a.high_i16x16, b.high_i16x16, x.high_i16x16, y.high_i16x16)};
}

// PHMINPOSUW finds the smallest of 8 numbers without a sign.
CheapestFlip first_smallest(Shorts a) noexcept {
  const __m256i least_i16x16 = _mm256_min_epi16(a.low_i16x16, a.high_i16x16);
  const __m128i least_i16x8 = _mm_min_epi16(_mm256_castsi256_si128(least_i16x16),
                                            _mm256_extracti128_si256(least_i16x16, 1));
  const __m128i sign_u16x8 = _mm_set1_epi16(INT16_MIN);
  const __m128i least =
      _mm_xor_si128(_mm_minpos_epu16(_mm_xor_si128(least_i16x8, sign_u16x8)), sign_u16x8);
  const __m256i least_everywhere = _mm256_broadcastw_epi16(least);
  // Packing interleaves the halves of its two vectors.
  const __m256i smallest_i8x32 = _mm256_permute4x64_epi64(
      _mm256_packs_epi16(_mm256_cmpeq_epi16(a.low_i16x16, least_everywhere),
                         _mm256_cmpeq_epi16(a.high_i16x16, least_everywhere)),
      0xd8);
  return {_tzcnt_u32(static_cast<uint32_t>(_mm256_movemask_epi8(smallest_i8x32))),
          static_cast<int16_t>(_mm_extract_epi16(least, 0))};
}

struct Integers {
  struct Quads {
    __m256i low, high;
  };
  static constexpr size_t kTileRows = 6, kTileVectors = 1, kNarrowRows = 6;
  __m256i low_i32x8, high_i32x8;

  static Integers load(const int32_t* x) noexcept {
    return {bitindex::load(x), bitindex::load(x + 8)};
  }
  static Quads load_quads(const int8_t* x) noexcept {
    return {bitindex::load(x), bitindex::load(x + 32)};
  }
  static Quads quad(const uint8_t* x) noexcept {
    int32_t four;
    std::memcpy(&four, x, sizeof four);
    return {_mm256_set1_epi32(four), _mm256_set1_epi32(four)};
  }
  void store(int32_t* x) const noexcept {
    bitindex::store(x, low_i32x8);
    bitindex::store(x + 8, high_i32x8);
  }
};

// 16 bits hold two products of 127 and 127.
__m256i add_products(__m256i sum, __m256i a, __m256i b) noexcept {
  const __m256i pairs_i16x16 = _mm256_maddubs_epi16(a, b);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs_i16x16, _mm256_set1_epi16(1)));
}
Integers add_products(Integers sum, Integers::Quads a, Integers::Quads b) noexcept {
  return {add_products(sum.low_i32x8, a.low, b.low), add_products(sum.high_i32x8, a.high, b.high)};
}

}  // namespace

extern const KernelTable kAvx2Kernels;
const KernelTable kAvx2Kernels = {
    "avx2",
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
