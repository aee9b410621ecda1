// Asks for memory that will be read soon, so that several reads wait together.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

#include "codes/aligned.h"

namespace bitindex {

// Into the first-level cache, or into the second-level one, where more has room.
enum class CacheLevel { kFirst, kSecond };

template <CacheLevel kLevel = CacheLevel::kFirst>
void prefetch_bytes(const void* from, size_t n_bytes) noexcept {
  const auto* line = static_cast<const char*>(from);
  for (size_t i = 0; i < n_bytes; i += kCacheLine) {
#if defined(_MSC_VER) && !defined(__clang__)
#if defined(_M_X64)
    _mm_prefetch(line + i, kLevel == CacheLevel::kFirst ? _MM_HINT_T0 : _MM_HINT_T1);
#endif
#else
    __builtin_prefetch(line + i, 0, kLevel == CacheLevel::kFirst ? 3 : 2);
#endif
  }
}

// Memory that will be read next, asked for part by part beside other work.
struct Upcoming {
  const uint8_t* data;
  size_t n_bytes;

  void prefetch(size_t part, size_t n_parts) const noexcept {
    const size_t first = n_bytes * part / n_parts / kCacheLine * kCacheLine;
    const size_t last = n_bytes * (part + 1) / n_parts / kCacheLine * kCacheLine;
    prefetch_bytes<CacheLevel::kSecond>(data + first, last - first);
  }
};

}  // namespace bitindex
