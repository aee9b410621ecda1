// The position of the lowest set bit.
#pragma once

#include <cstdint>

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace bitindex {

// word is not 0.
inline int lowest_bit(uint64_t word) noexcept {
#if defined(_MSC_VER)
  unsigned long index;
  _BitScanForward64(&index, word);
  return static_cast<int>(index);
#else
  return __builtin_ctzll(word);
#endif
}

}  // namespace bitindex
