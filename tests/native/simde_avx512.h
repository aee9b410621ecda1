// AVX-512 in portable C++, so that avx512.cpp can be tested on CPUs that lack it: SIMDe, and the
// few intrinsics that SIMDe 0.7.4 lacks as loops over memory. Those that are masked touch only the
// bytes that their mask names, so that the sanitizers see what the CPU would touch.
#pragma once

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>

#include <cstdint>
#include <cstring>

using __mmask8 = uint8_t;
using __mmask16 = uint16_t;
using __mmask32 = uint32_t;
using __mmask64 = uint64_t;

namespace simde_missing {

template <class To, class From>
To copy(const From& from) {
  static_assert(sizeof(To) == sizeof(From), "a copy of the same bits");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

template <class T, int kCount>
struct Lanes {
  T lane[kCount];
};

}  // namespace simde_missing

inline __m512i _mm512_maskz_loadu_epi8(__mmask64 mask, const void* p) {
  simde_missing::Lanes<uint8_t, 64> result = {};
  for (int i = 0; i < 64; ++i)
    if (mask >> i & 1) result.lane[i] = static_cast<const uint8_t*>(p)[i];
  return simde_missing::copy<__m512i>(result);
}

inline void _mm256_mask_storeu_epi32(void* p, __mmask8 mask, __m256i x) {
  const auto lanes = simde_missing::copy<simde_missing::Lanes<uint32_t, 8>>(x);
  for (int i = 0; i < 8; ++i)
    if (mask >> i & 1) static_cast<uint32_t*>(p)[i] = lanes.lane[i];
}

inline __m512i _mm512_shuffle_i64x2(__m512i a, __m512i b, int selection) {
  const auto from_a = simde_missing::copy<simde_missing::Lanes<uint64_t, 8>>(a);
  const auto from_b = simde_missing::copy<simde_missing::Lanes<uint64_t, 8>>(b);
  simde_missing::Lanes<uint64_t, 8> result;
  for (int i = 0; i < 8; ++i) {
    const int quarter = selection >> (i / 2 * 2) & 3;
    result.lane[i] = (i < 4 ? from_a : from_b).lane[2 * quarter + i % 2];
  }
  return simde_missing::copy<__m512i>(result);
}

inline __m512 _mm512_shuffle_f32x4(__m512 a, __m512 b, int selection) {
  const auto from_a = simde_missing::copy<simde_missing::Lanes<float, 16>>(a);
  const auto from_b = simde_missing::copy<simde_missing::Lanes<float, 16>>(b);
  simde_missing::Lanes<float, 16> result;
  for (int i = 0; i < 16; ++i) {
    const int quarter = selection >> (i / 4 * 2) & 3;
    result.lane[i] = (i < 8 ? from_a : from_b).lane[4 * quarter + i % 4];
  }
  return simde_missing::copy<__m512>(result);
}

inline __m512 _mm512_permute_ps(__m512 x, int selection) {
  const auto from = simde_missing::copy<simde_missing::Lanes<float, 16>>(x);
  simde_missing::Lanes<float, 16> result;
  for (int i = 0; i < 16; ++i)
    result.lane[i] = from.lane[i / 4 * 4 + (selection >> (i % 4 * 2) & 3)];
  return simde_missing::copy<__m512>(result);
}

inline __m512 _mm512_cvtepi32_ps(__m512i x) {
  const auto lanes = simde_missing::copy<simde_missing::Lanes<int32_t, 16>>(x);
  simde_missing::Lanes<float, 16> result;
  for (int i = 0; i < 16; ++i) result.lane[i] = static_cast<float>(lanes.lane[i]);
  return simde_missing::copy<__m512>(result);
}

inline __m512i _mm512_cvtepi8_epi32(__m128i x) {
  const auto lanes = simde_missing::copy<simde_missing::Lanes<int8_t, 16>>(x);
  simde_missing::Lanes<int32_t, 16> result;
  for (int i = 0; i < 16; ++i) result.lane[i] = lanes.lane[i];
  return simde_missing::copy<__m512i>(result);
}

inline __m512 _mm512_cvtph_ps(__m256i x) {
  const auto halves = simde_missing::copy<simde_missing::Lanes<__m128i, 2>>(x);
  const simde_missing::Lanes<__m256, 2> result = {
      {simde_mm256_cvtph_ps(halves.lane[0]), simde_mm256_cvtph_ps(halves.lane[1])}};
  return simde_missing::copy<__m512>(result);
}

inline __m256 _mm512_extractf32x8_ps(__m512 x, int half) {
  return simde_missing::copy<simde_missing::Lanes<__m256, 2>>(x).lane[half];
}

inline __mmask32 _mm512_cmpgt_epi16_mask(__m512i a, __m512i b) {
  const auto from_a = simde_missing::copy<simde_missing::Lanes<int16_t, 32>>(a);
  const auto from_b = simde_missing::copy<simde_missing::Lanes<int16_t, 32>>(b);
  __mmask32 mask = 0;
  for (int i = 0; i < 32; ++i)
    if (from_a.lane[i] > from_b.lane[i]) mask |= __mmask32{1} << i;
  return mask;
}

inline __mmask32 _mm512_cmpeq_epi16_mask(__m512i a, __m512i b) {
  return ~(_mm512_cmpgt_epi16_mask(a, b) | _mm512_cmpgt_epi16_mask(b, a));
}

inline int _mm_popcnt_u32(uint32_t x) {
  int count = 0;
  for (; x != 0; x &= x - 1) ++count;
  return count;
}
