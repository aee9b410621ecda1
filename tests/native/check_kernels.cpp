// Compares one instruction set with the generic kernels, bit for bit, without Python. From the root
// of the repository, for AVX-512 (others: avx2.cpp, kAvx2Kernels; neon.cpp, kNeonKernels):
//
//   g++ -std=c++17 -O2 -ffp-contract=off -Icsrc -DKERNELS=kAvx512Kernels -o check_kernels
//     csrc/kernels/generic.cpp csrc/kernels/avx512.cpp tests/native/check_kernels.cpp
//   ./check_kernels
//
// With -fsanitize=address,undefined it also proves that no byte outside the arrays is touched:
// every array ends where its memory ends. Prints the number of checks; the exit status is 1 where
// one fails.
#include <cstdio>

#include "check_bit_kernels.h"
#include "check_float_kernels.h"
#include "check_table_kernels.h"

int main() {
  for (size_t n_bytes = 0; n_bytes <= 130; ++n_bytes) {
    for (size_t n_rows = n_bytes % 3; n_rows <= 70; n_rows += 3)
      for (int content = 0; content < kContents; ++content)
        check_counts(n_rows, n_bytes, static_cast<Content>(content));
    for (size_t n_rows = n_bytes % 7; n_rows <= 70; n_rows += 7)
      check_table_sums(n_rows, n_bytes, n_rows % 2 ? kRandom : kOnes);
    check_table_sums(256 + n_bytes % 31, n_bytes, kRandom);
    if (n_bytes > 0)
      for (int content = 0; content < kContents; ++content)
        check_slices(n_bytes * 37 % 700, n_bytes, static_cast<Content>(content));
    for (int content = 0; content < kContents; ++content)
      check_words(n_bytes % 11, n_bytes % 13, static_cast<Content>(content));
    check_first_least(n_bytes + 1);
    check_rank_bound(n_bytes + 1);
    check_weigh_bits(n_bytes);
    check_all_vectors(n_bytes);
    check_multiply(n_bytes % 15, n_bytes, n_bytes % 9);
    check_multiply_int8(n_bytes % 15, n_bytes, n_bytes % 9);
    check_decide_signs(n_bytes % 37);
    check_rounding(n_bytes);
    check_weigh_left(n_bytes);
    check_start_flips(n_bytes);
    check_next_flip(32 * (n_bytes + 1));
    check_hadamard(n_bytes);
    check_level_sums(n_bytes);
  }
  for (size_t n_rows = 0; n_rows <= 70; ++n_rows) {
    check_counts(n_rows, 24, kRandom);
    check_table_sums(n_rows, 3, kRandom);
    check_table_sums(n_rows, 16, kRandom);
    check_slices(n_rows, 5, kRandom);
    check_select(n_rows);
  }
  for (const size_t n_bytes : {1000, 8192}) {
    check_counts(9, n_bytes, kRandom);
    check_counts(9, n_bytes, kOnes);
    check_table_sums(9, n_bytes, kRandom);
    check_table_sums(9, n_bytes, kOnes);
    check_words(5, n_bytes / 8 - 1, kZeros);
    check_slices(9, n_bytes, kRandom);
    check_slices(9, n_bytes, kOnes);
  }
  check_select(1000);
  check_all_vectors(1000);
  check_multiply(30, 300, 13);
  check_level_sums(1000);
  for (const size_t n_dims : {256, 511, 1024, 2048, 5000}) check_hadamard(n_dims);
  if (n_failures == 0)
    std::printf("check_kernels: %s: %ld checks passed\n", tested.name, n_checks);
  else
    std::printf("check_kernels: %s: %ld of %ld checks FAILED\n", tested.name, n_failures, n_checks);
  return n_failures > 0;
}
