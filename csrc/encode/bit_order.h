// Where the columns of a decoder stand in a code. A query's table is rounded to steps that its
// heaviest two neighbouring bytes need, so columns, heaviest first, are dealt out to pairs of
// bytes, to and fro.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitindex {

// Pairs of bytes that a code has, the last of which may lack its second byte.
constexpr size_t n_byte_pairs(size_t n_bits) noexcept { return (n_bits + 15) / 16; }

// Calls use(column, pair, mask) for all columns in turn: which pair of bytes, and which bit of it
// as a number whose low byte comes first.
template <class Use>
void for_dealt_bits(size_t n_bits, Use use) {
  constexpr size_t kTurns = 16;
  for (size_t turn = 0, column = 0; turn < kTurns; ++turn) {
    const size_t n_pairs = (n_bits + kTurns - 1 - turn) / kTurns;
    const auto mask = static_cast<uint16_t>(128u >> turn % 8 << turn / 8 * 8);
    if (turn % 2 == 0)
      for (size_t i = 0; i < n_pairs; ++i) use(column + i, i, mask);
    else
      for (size_t i = 0; i < n_pairs; ++i) use(column + i, n_pairs - 1 - i, mask);
    column += n_pairs;
  }
}

}  // namespace bitindex
