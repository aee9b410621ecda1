// Reading ahead on x86-64. Include this between BITINDEX_BEGIN_TARGET and BITINDEX_END_TARGET,
// behind the header of intrinsics.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitindex {
namespace {

// The CPU reads ahead within a page only, and not far enough while it also counts. Addresses are
// numbers here because they may lie behind the rows, where reading ahead does no harm.
void read_ahead(const uint8_t* rows, size_t n_bytes) noexcept {
  constexpr size_t kDistance = 2048, kLine = 64;
  const auto from = reinterpret_cast<uintptr_t>(rows) + kDistance;
  for (size_t i = 0; i < n_bytes; i += kLine)
    _mm_prefetch(reinterpret_cast<const char*>(from + i), _MM_HINT_T0);
}

}  // namespace
}  // namespace bitindex
