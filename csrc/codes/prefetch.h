// Asks for memory that will be read soon, so that several reads wait together.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

#include "codes/aligned.h"

namespace bitindex {

inline void prefetch_bytes(const void* from, size_t n_bytes) noexcept {
  const auto* line = static_cast<const char*>(from);
  for (size_t i = 0; i < n_bytes; i += kCacheLine) {
#if defined(_MSC_VER) && !defined(__clang__)
#if defined(_M_X64)
    _mm_prefetch(line + i, _MM_HINT_T0);
#endif
#else
    __builtin_prefetch(line + i);
#endif
  }
}

}  // namespace bitindex
