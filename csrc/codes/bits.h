// Distances between packed codes, pair by pair and all pairs, on one thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"

namespace bitindex {

// Rows of n_bytes bytes, one after the other, and how many there are.
struct Rows {
  const uint8_t* codes;
  size_t n;
};

// distances[i] compares row i of a with row i of b; both have the same number of rows.
void hamming_paired(const KernelTable& kernels, Rows a, Rows b, size_t n_bytes,
                    int32_t* distances) noexcept;
void jaccard_paired(const KernelTable& kernels, Rows a, Rows b, size_t n_bytes,
                    float* distances) noexcept;

// distances[i * stride + j] compares row i of a with row j of b. Reads all of b once per row of a:
// fast where b stays in the cache. a_counts and b_counts are the numbers of set bits of the rows.
void hamming_all_pairs(const KernelTable& kernels, Rows a, Rows b, size_t n_bytes,
                       int32_t* distances, size_t stride) noexcept;
void jaccard_all_pairs(const KernelTable& kernels, Rows a, const uint32_t* a_counts, Rows b,
                       const uint32_t* b_counts, size_t n_bytes, float* distances,
                       size_t stride) noexcept;

}  // namespace bitindex
