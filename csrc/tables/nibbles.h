// Tables that count bits: entry n of a nibble position is popcount(op(query nibble, n)).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace bitindex {

constexpr uint8_t kNibbleBits[16] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4};
constexpr uint32_t kMaxPairOfBits = 8;

struct XorNibbles {
  static int apply(int a, int b) { return a ^ b; }
};
struct AndNibbles {
  static int apply(int a, int b) { return a & b; }
};

// All tables of bit counts are rows of this one: entries[query nibble][code nibble].
template <class Op>
struct BitTables {
  BitTables() {
    for (int query = 0; query < 16; ++query)
      for (int code = 0; code < 16; ++code)
        entries[query][code] = kNibbleBits[Op::apply(query, code)];
  }
  uint8_t entries[16][16];
};

template <class Op>
void write_bit_table(const uint8_t* query, size_t n_bytes, uint8_t* table) {
  static const BitTables<Op> tables;
  for (size_t c = 0; c < n_bytes; ++c, table += 32) {
    std::memcpy(table, tables.entries[query[c] & 15], 16);
    std::memcpy(table + 16, tables.entries[query[c] >> 4], 16);
  }
}

}  // namespace bitindex
