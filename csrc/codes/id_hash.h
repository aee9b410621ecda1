// Where tables of ids look first.
#pragma once

#include <cstdint>

namespace bitindex {

// A number of so many bits, at least one. Fibonacci hashing, which spreads consecutive and strided
// ids alike (Knuth, TAOCP vol. 3, section 6.4): the highest bits of the product depend on all bits
// of the id, those of a time or a shard number in front of it too.
inline uint64_t id_hash(int64_t id, unsigned n_bits) noexcept {
  return (static_cast<uint64_t>(id) * 0x9e3779b97f4a7c15u) >> (64 - n_bits);
}

}  // namespace bitindex
