#include "bits.h"

#include <algorithm>

namespace bitindex {
namespace {

// Counts stay below 2^31 (the border sees to it), and signed integers convert to float in one
// instruction on every CPU. Two empty codes are equal: 0 / 1.
float jaccard_distance(uint32_t count_a, uint32_t count_b, uint32_t intersection) noexcept {
  const int32_t all = static_cast<int32_t>(count_a + count_b - intersection);
  const int32_t different = all - static_cast<int32_t>(intersection);
  return static_cast<float>(different) / static_cast<float>(std::max(all, 1));
}

}  // namespace

void hamming_paired(const KernelTable& kernels, Rows a, Rows b, size_t n_bytes,
                    int32_t* distances) noexcept {
  for (size_t i = 0; i < a.n; ++i) {
    uint32_t count;
    kernels.xor_count_rows(a.codes + i * n_bytes, b.codes + i * n_bytes, 1, n_bytes, &count);
    distances[i] = static_cast<int32_t>(count);
  }
}

void jaccard_paired(const KernelTable& kernels, Rows a, Rows b, size_t n_bytes,
                    float* distances) noexcept {
  for (size_t i = 0; i < a.n; ++i) {
    const uint8_t* row_a = a.codes + i * n_bytes;
    const uint8_t* row_b = b.codes + i * n_bytes;
    uint32_t count_a, count_b, intersection;
    kernels.popcount_rows(row_a, 1, n_bytes, &count_a);
    kernels.popcount_rows(row_b, 1, n_bytes, &count_b);
    kernels.and_count_rows(row_a, row_b, 1, n_bytes, &intersection);
    distances[i] = jaccard_distance(count_a, count_b, intersection);
  }
}

void hamming_all_pairs(const KernelTable& kernels, Rows a, Rows b, size_t n_bytes,
                       int32_t* distances, size_t stride) noexcept {
  for (size_t i = 0; i < a.n; ++i)
    // The language allows an int32_t to be written as uint32_t.
    kernels.xor_count_rows(a.codes + i * n_bytes, b.codes, b.n, n_bytes,
                           reinterpret_cast<uint32_t*>(distances + i * stride));
}

void jaccard_all_pairs(const KernelTable& kernels, Rows a, const uint32_t* a_counts, Rows b,
                       const uint32_t* b_counts, size_t n_bytes, float* distances,
                       size_t stride) noexcept {
  constexpr size_t kRun = 1024;
  uint32_t intersections[kRun];
  for (size_t i = 0; i < a.n; ++i)
    for (size_t first = 0; first < b.n; first += kRun) {
      const size_t here = std::min(kRun, b.n - first);
      kernels.and_count_rows(a.codes + i * n_bytes, b.codes + first * n_bytes, here, n_bytes,
                             intersections);
      float* out = distances + i * stride + first;
      for (size_t j = 0; j < here; ++j)
        out[j] = jaccard_distance(a_counts[i], b_counts[first + j], intersections[j]);
    }
}

}  // namespace bitindex
