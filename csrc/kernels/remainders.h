// Words of a code, for little-endian CPUs. Nothing here reads a byte outside the code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bitindex {

inline uint64_t load64(const uint8_t* p) noexcept {
  uint64_t x;
  std::memcpy(&x, p, sizeof x);
  return x;
}

// The last n_bytes % 8 bytes (at least one) of a code of n_bytes bytes, as a number.
inline uint64_t load_tail(const uint8_t* code, size_t n_bytes) noexcept {
  if (n_bytes >= 8) return load64(code + n_bytes - 8) >> (64 - 8 * (n_bytes % 8));
  if (n_bytes >= 4) {
    uint32_t first, last;  // they may overlap: the bytes they share are equal
    std::memcpy(&first, code, 4);
    std::memcpy(&last, code + n_bytes - 4, 4);
    return first | static_cast<uint64_t>(last) << (8 * (n_bytes - 4));
  }
  const size_t middle = n_bytes / 2, last = n_bytes - 1;
  return static_cast<uint64_t>(code[0] | code[middle] << (8 * middle) | code[last] << (8 * last));
}

}  // namespace bitindex
