// Where the bits of a code lie.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitindex {

struct CodeLayout {
  size_t n_bits;
  bool big_endian;  // bit 0 of a code is the highest bit of its first byte

  size_t n_bytes() const noexcept { return (n_bits + 7) / 8; }
  // The bit of a code that is bit t of nibble `position`, lowest bit and low nibble first. It may
  // lie beyond n_bits.
  size_t bit_of_nibble(size_t position, size_t t) const noexcept {
    const size_t bit = 4 * (position % 2) + t;
    return position / 2 * 8 + (big_endian ? 7 - bit : bit);
  }
};

}  // namespace bitindex
