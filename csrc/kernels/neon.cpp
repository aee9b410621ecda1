// Needs   64-bit Arm; NEON is part of it.
// Method  counts: CNT on bytes, added across; tables: 16 look-ups of 4 bits by one TBL, summed in
//         8, 16 and 32 bits.
// Source  Mula, Kurz, Lemire, "Faster population counts using AVX2 instructions", 2018;
//         Andre, Kermarrec, Le Scouarnec, "Accelerated nearest neighbor search with Quick ADC",
//         2017.
#if defined(__aarch64__) || defined(_M_ARM64)

#include <arm_neon.h>

#include "flip_kernels.h"
#include "hadamard_kernels.h"
#include "integer_kernels.h"
#include "kernel_table.h"
#include "matrix_kernels.h"
#include "plain_kernels.h"
#include "remainders.h"
#include "select_kernels.h"
#include "slice_kernels.h"
#include "vector_kernels.h"
#include "word_kernels.h"

namespace bitindex {
namespace {

struct Xor {
  static uint8x16_t apply(uint8x16_t a, uint8x16_t b) noexcept { return veorq_u8(a, b); }
};
struct And {
  static uint8x16_t apply(uint8x16_t a, uint8x16_t b) noexcept { return vandq_u8(a, b); }
};
struct RowOnly {
  static uint8x16_t apply(uint8x16_t, uint8x16_t row) noexcept { return row; }
};

// The last n_bytes % 16 bytes of a code, and zeros.
uint8x16_t load_last(const uint8_t* code, size_t n_bytes) noexcept {
  const size_t here = n_bytes % 16;
  const uint8_t* last = code + n_bytes - here;
  const uint64_t low = here >= 8 ? load64(last) : load_tail(code, n_bytes);
  const uint64_t high = here > 8 ? load_tail(code, n_bytes) : 0;
  return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)));
}

template <class Op>
void count_rows(const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes,
                uint32_t* counts) noexcept {
  const size_t whole = n_bytes & ~size_t{15};
  const bool has_tail = whole < n_bytes;
  const uint8x16_t query_tail = has_tail ? load_last(query, n_bytes) : vdupq_n_u8(0);
  for (size_t i = 0; i < n_rows; ++i, rows += n_bytes) {
    uint32x4_t count_u32x4 = vdupq_n_u32(0);
    size_t c = 0;
    while (c < whole) {
      // 8 bits hold the counts of 31 bytes.
      const size_t stop = whole - c < 31 * 16 ? whole : c + 31 * 16;
      uint8x16_t count_u8x16 = vdupq_n_u8(0);
      for (; c < stop; c += 16)
        count_u8x16 =
            vaddq_u8(count_u8x16, vcntq_u8(Op::apply(vld1q_u8(query + c), vld1q_u8(rows + c))));
      count_u32x4 = vpadalq_u16(count_u32x4, vpaddlq_u8(count_u8x16));
    }
    if (has_tail) {
      const uint8x16_t bits = Op::apply(query_tail, load_last(rows, n_bytes));
      count_u32x4 = vpadalq_u16(count_u32x4, vpaddlq_u8(vcntq_u8(bits)));
    }
    counts[i] = vaddvq_u32(count_u32x4);
  }
}

void popcount_rows(const uint8_t* rows, size_t n_rows, size_t n_bytes, uint32_t* counts) noexcept {
  if (n_rows > 0) count_rows<RowOnly>(rows, rows, n_rows, n_bytes, counts);
}

// Interleaves the bytes of rows r and r + 8. With 4 bits of row number before 4 bits of column
// number, an address is rotated by one bit, so that four rounds swap rows and columns.
void interleave(const uint8x16_t* from, uint8x16_t* to) noexcept {
  for (size_t r = 0; r < 8; ++r) {
    to[2 * r] = vzip1q_u8(from[r], from[r + 8]);
    to[2 * r + 1] = vzip2q_u8(from[r], from[r + 8]);
  }
}

void transpose_16x16(uint8x16_t* a) noexcept {
  uint8x16_t b[16];
  interleave(a, b);
  interleave(b, a);
  interleave(a, b);
  interleave(b, a);
}

struct Bytes {
  using Vector = uint8x16x2_t;
  using Table = uint8x16_t;
  static constexpr size_t kRows = 32;
  static constexpr size_t kBlocksAtOnce = 4;

  static Vector load(const uint8_t* p) noexcept { return {{vld1q_u8(p), vld1q_u8(p + 16)}}; }
  static Vector add(Vector a, Vector b) noexcept {
    return {{vaddq_u8(a.val[0], b.val[0]), vaddq_u8(a.val[1], b.val[1])}};
  }
  static Table broadcast(const uint8_t* entries) noexcept { return vld1q_u8(entries); }
  static Vector look_up(Table table, Vector nibbles) noexcept {
    return {{vqtbl1q_u8(table, nibbles.val[0]), vqtbl1q_u8(table, nibbles.val[1])}};
  }

  static void transpose_tile(const uint8_t* rows, size_t stride, size_t n_columns,
                             uint8_t* out) noexcept {
    for (size_t half = 0; half < 2; ++half) {
      uint8x16_t a[16];
      for (size_t r = 0; r < 16; ++r) a[r] = vld1q_u8(rows + (16 * half + r) * stride);
      transpose_16x16(a);
      for (size_t c = 0; c < 16; ++c) {
        if (c >= n_columns) break;
        vst1q_u8(out + 64 * c + 16 * half, vandq_u8(a[c], vdupq_n_u8(15)));
        vst1q_u8(out + 64 * c + 32 + 16 * half, vshrq_n_u8(a[c], 4));
      }
    }
  }

  struct Sums {
    uint16x8_t words[4];

    void clear() noexcept {
      for (uint16x8_t& eight : words) eight = vdupq_n_u16(0);
    }
    void add(Vector bytes) noexcept {
      for (size_t half = 0; half < 2; ++half) {
        words[2 * half] = vaddw_u8(words[2 * half], vget_low_u8(bytes.val[half]));
        words[2 * half + 1] = vaddw_high_u8(words[2 * half + 1], bytes.val[half]);
      }
    }
    bool any_at_least(uint32_t least) const noexcept {
      const uint16x8_t largest =
          vmaxq_u16(vmaxq_u16(words[0], words[1]), vmaxq_u16(words[2], words[3]));
      return vmaxvq_u16(largest) >= least;
    }
    void write(uint32_t* sums, bool add_to_sums) const noexcept {
      for (size_t j = 0; j < 4; ++j, sums += 8) {
        const uint32x4_t low = add_to_sums ? vld1q_u32(sums) : vdupq_n_u32(0);
        const uint32x4_t high = add_to_sums ? vld1q_u32(sums + 4) : vdupq_n_u32(0);
        vst1q_u32(sums, vaddw_u16(low, vget_low_u16(words[j])));
        vst1q_u32(sums + 4, vaddw_high_u16(high, words[j]));
      }
    }
  };
};

struct Slices {
  using Vector = uint8x16_t;
  static constexpr size_t kBytes = 16;
  static constexpr bool kTernary = true;

  static Vector zero() noexcept { return vdupq_n_u8(0); }
  static Vector bytes(uint8_t x) noexcept { return vdupq_n_u8(x); }
  static Vector all_if(bool x) noexcept { return vdupq_n_u8(x ? 0xff : 0); }
  static Vector load(const uint8_t* p) noexcept { return vld1q_u8(p); }
  static void store(uint8_t* p, Vector x) noexcept { vst1q_u8(p, x); }
  static Vector and_(Vector a, Vector b) noexcept { return vandq_u8(a, b); }
  static Vector or_(Vector a, Vector b) noexcept { return vorrq_u8(a, b); }
  static Vector xor_(Vector a, Vector b) noexcept { return veorq_u8(a, b); }
  static Vector not_(Vector a) noexcept { return vmvnq_u8(a); }
  static bool any(Vector a) noexcept { return vmaxvq_u8(a) != 0; }
  static Vector shift_left(Vector a, int n) noexcept {
    return vshlq_u8(a, vdupq_n_s8(static_cast<int8_t>(n)));
  }
  static Vector shift_right(Vector a, int n) noexcept { return shift_left(a, -n); }
  // Where a and b agree they have the majority; elsewhere c decides.
  static Vector majority(Vector a, Vector b, Vector c) noexcept {
    return vbslq_u8(veorq_u8(a, b), c, a);
  }
  static Vector parity(Vector a, Vector b, Vector c) noexcept { return xor_(xor_(a, b), c); }
  static uint32_t lowest_bit(uint64_t x) noexcept {
    return static_cast<uint32_t>(__builtin_ctzll(x));
  }
  static void transpose_tile(const uint8_t* rows, size_t stride, Vector* columns) noexcept {
    for (size_t r = 0; r < 16; ++r) columns[r] = vld1q_u8(rows + r * stride);
    transpose_16x16(columns);
  }
};

struct Words {
  static constexpr size_t kBlocksAtOnce = 4;
  uint16x8_t sums_u16x8;

  static Words zero() noexcept { return {vdupq_n_u16(0)}; }
  static uint8x16_t broadcast(const uint8_t* word) noexcept {
    return vreinterpretq_u8_u64(vdupq_n_u64(load64(word)));
  }
  void add(uint8x16_t query, const uint8_t* words) noexcept {
    const auto count_2_rows = [&](size_t i) noexcept {
      return vcntq_u8(veorq_u8(query, vld1q_u8(words + 16 * i)));
    };
    const uint8x16_t first = vpaddq_u8(count_2_rows(0), count_2_rows(1));
    const uint8x16_t second = vpaddq_u8(count_2_rows(2), count_2_rows(3));
    sums_u16x8 = vpadalq_u8(sums_u16x8, vpaddq_u8(first, second));
  }
  void store(uint32_t* sums) const noexcept {
    vst1q_u32(sums, vmovl_u16(vget_low_u16(sums_u16x8)));
    vst1q_u32(sums + 4, vmovl_high_u16(sums_u16x8));
  }
};

struct Floats {
  static constexpr size_t kTileRows = 6, kTileVectors = 1, kRadix = 4;
  float32x4_t lanes[4];

  static Floats zero() noexcept { return set(0.0f); }
  static Floats set(float x) noexcept {
    const float32x4_t four = vdupq_n_f32(x);
    return {{four, four, four, four}};
  }
  static Floats load(const float* x) noexcept {
    return {{vld1q_f32(x), vld1q_f32(x + 4), vld1q_f32(x + 8), vld1q_f32(x + 12)}};
  }
  static Floats load(const uint16_t* x) noexcept {
    const float16x8_t low = vreinterpretq_f16_u16(vld1q_u16(x));
    const float16x8_t high = vreinterpretq_f16_u16(vld1q_u16(x + 8));
    return {{vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low),
             vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high)}};
  }
  static Floats load(const int8_t* x) noexcept {
    const int8x16_t bytes = vld1q_s8(x);
    const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
    return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
             vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))}};
  }
  static Floats from_ints(const uint32_t* x) noexcept {
    Floats result;
    for (size_t j = 0; j < 4; ++j)
      result.lanes[j] = vcvtq_f32_s32(vreinterpretq_s32_u32(vld1q_u32(x + 4 * j)));
    return result;
  }
  void store(float* x) const noexcept {
    for (size_t j = 0; j < 4; ++j) vst1q_f32(x + 4 * j, lanes[j]);
  }
  template <size_t kStep>
  Floats butterfly() const noexcept {
    Floats result;
    for (size_t j = 0; j < 4; ++j) {
      if constexpr (kStep < 4) {
        constexpr uint32_t kSign = 0x80000000u;
        const uint32x4_t upper = {0, kStep == 1 ? kSign : 0, kStep == 2 ? kSign : 0, kSign};
        const float32x4_t negated =
            vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(lanes[j]), upper));
        const float32x4_t partner =
            kStep == 1 ? vrev64q_f32(lanes[j]) : vextq_f32(lanes[j], lanes[j], 2);
        result.lanes[j] = vaddq_f32(partner, negated);
      } else {
        const float32x4_t partner = lanes[j ^ kStep / 4];
        result.lanes[j] =
            (j & kStep / 4) != 0 ? vsubq_f32(partner, lanes[j]) : vaddq_f32(lanes[j], partner);
      }
    }
    return result;
  }
};

Floats operator+(Floats a, Floats b) noexcept {
  for (size_t j = 0; j < 4; ++j) a.lanes[j] = vaddq_f32(a.lanes[j], b.lanes[j]);
  return a;
}
Floats operator-(Floats a, Floats b) noexcept {
  for (size_t j = 0; j < 4; ++j) a.lanes[j] = vsubq_f32(a.lanes[j], b.lanes[j]);
  return a;
}
Floats operator*(Floats a, Floats b) noexcept {
  for (size_t j = 0; j < 4; ++j) a.lanes[j] = vmulq_f32(a.lanes[j], b.lanes[j]);
  return a;
}

// The second one where either is NaN, as on x86; FMIN would give NaN.
Floats smaller(Floats a, Floats b) noexcept {
  for (size_t j = 0; j < 4; ++j)
    a.lanes[j] = vbslq_f32(vcltq_f32(a.lanes[j], b.lanes[j]), a.lanes[j], b.lanes[j]);
  return a;
}

Floats flip_signs(Floats a, Floats b) noexcept {
  const uint32x4_t sign = vdupq_n_u32(0x80000000u);
  for (size_t j = 0; j < 4; ++j)
    a.lanes[j] = vreinterpretq_f32_u32(veorq_u32(
        vreinterpretq_u32_f32(a.lanes[j]), vandq_u32(vreinterpretq_u32_f32(b.lanes[j]), sign)));
  return a;
}

float add_lanes(Floats x) noexcept {
  const float32x4_t four =
      vaddq_f32(vaddq_f32(x.lanes[0], x.lanes[2]), vaddq_f32(x.lanes[1], x.lanes[3]));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

struct Mask {
  uint32x4_t lanes[4];
};

Mask at_most(Floats a, Floats b) noexcept {
  Mask mask;
  for (size_t j = 0; j < 4; ++j) mask.lanes[j] = vcleq_f32(a.lanes[j], b.lanes[j]);
  return mask;
}

uint32x4_t either(Mask mask) noexcept {
  return vorrq_u32(vorrq_u32(mask.lanes[0], mask.lanes[1]),
                   vorrq_u32(mask.lanes[2], mask.lanes[3]));
}

bool any(Mask a, Mask b) noexcept { return vmaxvq_u32(vorrq_u32(either(a), either(b))) != 0; }

size_t append(Mask mask, size_t first, uint32_t* positions) noexcept {
  uint32_t passed[16];
  for (size_t j = 0; j < 4; ++j) vst1q_u32(passed + 4 * j, mask.lanes[j]);
  size_t found = 0;
  for (size_t j = 0; j < 16; ++j) {
    positions[found] = static_cast<uint32_t>(first + j);
    found += passed[j] & 1;
  }
  return found;
}

struct Counts {
  uint32x4_t lanes[4];

  static Counts set(uint32_t x) noexcept {
    const uint32x4_t all = vdupq_n_u32(x);
    return {{all, all, all, all}};
  }
  static Counts load(const uint32_t* x) noexcept {
    return {{vld1q_u32(x), vld1q_u32(x + 4), vld1q_u32(x + 8), vld1q_u32(x + 12)}};
  }
};

Counts smaller(Counts a, Counts b) noexcept {
  for (size_t j = 0; j < 4; ++j) a.lanes[j] = vminq_u32(a.lanes[j], b.lanes[j]);
  return a;
}
Mask below(Counts a, Counts b) noexcept {
  Mask mask;
  for (size_t j = 0; j < 4; ++j) mask.lanes[j] = vcltq_u32(a.lanes[j], b.lanes[j]);
  return mask;
}
size_t n_set(Mask mask) noexcept {
  uint32x4_t n = vshrq_n_u32(mask.lanes[0], 31);
  for (size_t j = 1; j < 4; ++j) n = vaddq_u32(n, vshrq_n_u32(mask.lanes[j], 31));
  return vaddvq_u32(n);
}

struct Shorts {
  int16x8_t lanes[4];

  static Shorts set(int16_t x) noexcept {
    const int16x8_t eight = vdupq_n_s16(x);
    return {{eight, eight, eight, eight}};
  }
  static Shorts load(const int16_t* x) noexcept {
    return {{vld1q_s16(x), vld1q_s16(x + 8), vld1q_s16(x + 16), vld1q_s16(x + 24)}};
  }
  void store(int16_t* x) const noexcept {
    for (size_t j = 0; j < 4; ++j) vst1q_s16(x + 8 * j, lanes[j]);
  }
};

Shorts xor_bits(Shorts a, Shorts b, Shorts c) noexcept {
  for (size_t j = 0; j < 4; ++j)
    a.lanes[j] = veorq_s16(a.lanes[j], veorq_s16(b.lanes[j], c.lanes[j]));
  return a;
}
Shorts add_saturated(Shorts a, Shorts b) noexcept {
  for (size_t j = 0; j < 4; ++j) a.lanes[j] = vqaddq_s16(a.lanes[j], b.lanes[j]);
  return a;
}
Shorts multiply_rounded(Shorts a, Shorts b) noexcept {
  for (size_t j = 0; j < 4; ++j) a.lanes[j] = vqrdmulhq_s16(a.lanes[j], b.lanes[j]);
  return a;
}
Shorts smaller(Shorts a, Shorts b) noexcept {
  for (size_t j = 0; j < 4; ++j) a.lanes[j] = vminq_s16(a.lanes[j], b.lanes[j]);
  return a;
}
Shorts replace_where_less(Shorts a, Shorts b, Shorts x, Shorts y) noexcept {
  for (size_t j = 0; j < 4; ++j)
    a.lanes[j] = vbslq_s16(vcltq_s16(x.lanes[j], y.lanes[j]), a.lanes[j], b.lanes[j]);
  return a;
}

CheapestFlip first_smallest(Shorts a) noexcept {
  const int16_t least =
      vminvq_s16(vminq_s16(vminq_s16(a.lanes[0], a.lanes[1]), vminq_s16(a.lanes[2], a.lanes[3])));
  int16_t lanes[kFlipLanes];
  a.store(lanes);
  uint32_t first = 0;
  while (lanes[first] != least) ++first;
  return {first, least};
}

struct Integers {
  using Quads = int8x16x4_t;  // the first entries of 16 quads, the second ones, ...
  static constexpr size_t kTileRows = 4, kTileVectors = 1, kNarrowRows = 4;
  int32x4_t lanes[4];

  static Integers load(const int32_t* x) noexcept {
    return {{vld1q_s32(x), vld1q_s32(x + 4), vld1q_s32(x + 8), vld1q_s32(x + 12)}};
  }
  static Quads load_quads(const int8_t* x) noexcept { return vld4q_s8(x); }
  static Quads quad(const uint8_t* x) noexcept {
    Quads four;
    for (size_t i = 0; i < 4; ++i) four.val[i] = vdupq_n_s8(static_cast<int8_t>(x[i]));
    return four;
  }
  void store(int32_t* x) const noexcept {
    for (size_t j = 0; j < 4; ++j) vst1q_s32(x + 4 * j, lanes[j]);
  }
};

// 16 bits hold two products of 127 and 127.
Integers add_products(Integers sum, Integers::Quads a, Integers::Quads b) noexcept {
  for (size_t i = 0; i < 4; i += 2) {
    const int16x8_t low = vmlal_s8(vmull_s8(vget_low_s8(a.val[i]), vget_low_s8(b.val[i])),
                                   vget_low_s8(a.val[i + 1]), vget_low_s8(b.val[i + 1]));
    const int16x8_t high =
        vmlal_high_s8(vmull_high_s8(a.val[i], b.val[i]), a.val[i + 1], b.val[i + 1]);
    sum.lanes[0] = vaddw_s16(sum.lanes[0], vget_low_s16(low));
    sum.lanes[1] = vaddw_high_s16(sum.lanes[1], low);
    sum.lanes[2] = vaddw_s16(sum.lanes[2], vget_low_s16(high));
    sum.lanes[3] = vaddw_high_s16(sum.lanes[3], high);
  }
  return sum;
}

}  // namespace

extern const KernelTable kNeonKernels;
const KernelTable kNeonKernels = {
    "neon",
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

#endif
