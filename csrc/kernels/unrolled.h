// Loops of a few rounds that are certain to become straight code.
#pragma once

#include <cstddef>

// A function that is to have no calls left.
#if defined(__GNUC__)
#define BITINDEX_FLATTEN __attribute__((flatten))
#else
#define BITINDEX_FLATTEN
#endif

namespace bitindex {

// f(0), f(1), ... f(kRounds - 1). An array of vectors that a flattened function only touches in
// such loops stays in registers. GCC 12 unrolls plain loops too late to see that it could, and
// stores every sum of a product in every round.
template <size_t kRounds, class F>
void unrolled(const F& f) noexcept {
  if constexpr (kRounds > 0) {
    unrolled<kRounds - 1>(f);
    f(kRounds - 1);
  }
}

}  // namespace bitindex
