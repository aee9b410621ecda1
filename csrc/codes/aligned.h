// Memory that starts on a cache line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace bitindex {

constexpr std::align_val_t kCacheLine{64};

struct AlignedDelete {
  void operator()(uint8_t* memory) const noexcept { ::operator delete(memory, kCacheLine); }
};
using AlignedBytes = std::unique_ptr<uint8_t, AlignedDelete>;

inline AlignedBytes make_aligned(size_t n_bytes) {
  return AlignedBytes(static_cast<uint8_t*>(::operator new(n_bytes, kCacheLine)));
}

}  // namespace bitindex
