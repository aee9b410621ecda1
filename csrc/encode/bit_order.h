// Where the columns of a decoder stand in a code. A query's table is rounded to steps that its
// heaviest two neighbouring bytes need, so columns, heaviest first, are dealt out to pairs of
// bytes, to and fro.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitindex {

// Calls use(column, byte, mask) for all columns in turn: which byte, and which bit of it.
template <class Use>
void for_dealt_bits(size_t n_bits, Use use) {
  constexpr size_t kTurns = 16;
  size_t column = 0;
  for (size_t turn = 0; turn < kTurns; ++turn) {
    const size_t n_pairs = (n_bits + kTurns - 1 - turn) / kTurns;
    for (size_t i = 0; i < n_pairs; ++i, ++column) {
      const size_t pair = turn % 2 == 0 ? i : n_pairs - 1 - i;
      use(column, 2 * pair + turn / 8, static_cast<uint8_t>(128u >> turn % 8));
    }
  }
}

}  // namespace bitindex
