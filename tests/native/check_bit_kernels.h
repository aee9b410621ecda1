// Kernels over bits, and those that count them.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "kernel_checks.h"

namespace {

void check_counts(size_t n_rows, size_t n_bytes, Content content) {
  const size_t offset = random_bits() % 9;
  Exact<uint8_t> rows(n_rows * n_bytes, offset), query(n_bytes, offset / 2);
  fill(rows, content);
  fill(query, random_bits() % 2 ? kRandom : kOnes);
  Counts a(n_rows), b(n_rows);
  tested.popcount_rows(rows.data(), n_rows, n_bytes, a.data());
  expected.popcount_rows(rows.data(), n_rows, n_bytes, b.data());
  check(a.same(b), "popcount_rows", n_rows, n_bytes, offset);
  tested.xor_count_rows(query.data(), rows.data(), n_rows, n_bytes, a.data());
  expected.xor_count_rows(query.data(), rows.data(), n_rows, n_bytes, b.data());
  check(a.same(b), "xor_count_rows", n_rows, n_bytes, offset);
  tested.and_count_rows(query.data(), rows.data(), n_rows, n_bytes, a.data());
  expected.and_count_rows(query.data(), rows.data(), n_rows, n_bytes, b.data());
  check(a.same(b), "and_count_rows", n_rows, n_bytes, offset);
}

void check_words(size_t n_blocks, size_t n_words, Content content) {
  constexpr size_t kRows = bitindex::kWordRows, kBytes = bitindex::kWordBytes;
  Exact<uint8_t> blocks(n_blocks * n_words * kRows * kBytes), query(n_words * kBytes, 3);
  fill(blocks, content);
  fill(query, content == kZeros ? kOnes : kRandom);
  Counts a(n_blocks * kRows), b(n_blocks * kRows);
  tested.count_words(query.data(), blocks.data(), n_blocks, n_words, a.data());
  expected.count_words(query.data(), blocks.data(), n_blocks, n_words, b.data());
  check(a.same(b), "count_words", n_blocks, n_words, content);
  Exact<uint32_t> listed(n_blocks, 1);
  for (size_t i = 0; i < n_blocks; ++i) listed[i] = random_bits() % n_blocks;
  tested.count_listed_words(query.data(), blocks.data(), listed.data(), n_blocks, n_words,
                            a.data());
  expected.count_listed_words(query.data(), blocks.data(), listed.data(), n_blocks, n_words,
                              b.data());
  check(a.same(b), "count_listed_words", n_blocks, n_words, content);
}

void check_first_least(size_t n) {
  Exact<uint32_t> numbers(n, 1);
  for (size_t i = 0; i < n; ++i) numbers[i] = random_bits() % 9;
  const size_t first = tested.first_least(numbers.data(), n);
  check(first == expected.first_least(numbers.data(), n), "first_least", n, first, 0);
}

void check_rank_bound(size_t n) {
  Exact<uint32_t> counts(n, 1);
  for (size_t i = 0; i < n; ++i) counts[i] = random_bits() % 300;
  const size_t rank = 1 + random_bits() % std::min(n, bitindex::kBoundLanes);
  const uint32_t bound = tested.rank_bound(counts.data(), n, rank, 299);
  check(bound == expected.rank_bound(counts.data(), n, rank, 299), "rank_bound", n, rank, bound);
  Exact<uint32_t> a(n + 16), b(n + 16);
  const size_t found = tested.select_at_most(counts.data(), n, bound, a.data());
  check(found == expected.select_at_most(counts.data(), n, bound, b.data()) &&
            std::equal(a.data(), a.data() + found, b.data()),
        "select_at_most", n, bound, found);
}

void check_weigh_bits(size_t n_bytes) {
  constexpr size_t kRows = 3;
  Exact<uint8_t> code(n_bytes, n_bytes % 3);
  Exact<int8_t> weights(kRows * 8 * n_bytes, 1);
  fill(code, kRandom);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<int8_t>(random_bits());
  const uint32_t rows[] = {2, 0, 1, 2};
  int32_t a[4], b[4];
  tested.weigh_bits(code.data(), n_bytes, weights.data(), rows, 4, a);
  expected.weigh_bits(code.data(), n_bytes, weights.data(), rows, 4, b);
  check(std::equal(a, a + 4, b), "weigh_bits", n_bytes, 0, 0);
}

// A program of two totals that share counters, over five lists of bits.
void check_slices(size_t n_rows, size_t n_bytes, Content content) {
  const KernelTable& kernels = tested;
  const size_t n_bits = 8 * n_bytes, offset = random_bits() % 9;
  const size_t slice_bytes = kernels.slice_rows / 8;
  Exact<uint8_t> rows(n_rows * n_bytes, offset);
  fill(rows, content);
  const size_t n_blocks = (n_rows + kernels.slice_rows - 1) / kernels.slice_rows;
  const size_t size = n_blocks * (n_bits + bitindex::kExtraSlices) * slice_bytes;
  const std::unique_ptr<uint8_t, Free> blocks(
      static_cast<uint8_t*>(std::aligned_alloc(64, (size + 63) / 64 * 64 + 64)));
  std::memset(blocks.get(), 0xee, size);
  kernels.slice_bits(rows.data(), n_rows, n_bytes, blocks.get());

  for (int round = 0; round < 6; ++round) {
    const bool minus_popcount = random_bits() % 2;
    const uint8_t from = minus_popcount ? bitindex::kStartCounter : bitindex::kZeroCounter;
    bitindex::SliceStep steps[5] = {
        {0, bitindex::kZeroCounter, 0, {}, false, 2},
        {0, bitindex::kZeroCounter, 0, {}, false, 3},
        {0, from, 1, {2}, false, 11},
        {0, 11, 1, {3}, true, 0},
        {0, 11, 0, {}, true, 1},
    };
    // Step i adds up the bits of list i; lists 0, 1, 2, 3 make the first total, 0, 2, 4 the second.
    std::vector<uint32_t> offsets;
    std::vector<int32_t> weights[2] = {std::vector<int32_t>(n_bits), std::vector<int32_t>(n_bits)};
    std::vector<uint32_t> list_of_bit(n_bits);
    const uint32_t dense = random_bits() % 8;
    for (uint32_t& list : list_of_bit) list = random_bits() % (5 + dense);
    for (uint32_t list = 0; list < 5; ++list) {
      const size_t before = offsets.size();
      for (uint32_t bit = 0; bit < n_bits; ++bit)
        if (list_of_bit[bit] == list) {
          offsets.push_back(bit * static_cast<uint32_t>(slice_bytes));
          weights[0][bit] = list <= 3;
          weights[1][bit] = list == 0 || list == 2 || list == 4;
        }
      while ((offsets.size() - before) % 4 != 0)
        offsets.push_back(static_cast<uint32_t>((n_bits + bitindex::kZeroSlice) * slice_bytes));
      steps[list].n_slices = static_cast<uint32_t>(offsets.size() - before);
    }
    const bitindex::SliceProgram program = {2, steps, 5, offsets.data()};
    std::vector<uint32_t> expected_rows[2];
    bitindex::SliceTest tests[2];
    for (size_t q = 0; q < 2; ++q) {
      std::vector<int32_t> values(n_rows);
      for (size_t i = 0; i < n_rows; ++i)
        for (size_t j = 0; j < n_bits; ++j)
          if (rows[i * n_bytes + j / 8] >> (j % 8) & 1)
            values[i] += minus_popcount ? 2 * weights[q][j] - 1 : weights[q][j];
      int32_t at_least = n_rows > 0 ? values[random_bits() % n_rows] : 0;
      at_least += static_cast<int32_t>(random_bits() % 5) - 2;
      if (random_bits() % 8 == 0) at_least = random_bits() % 2 ? 1 << 20 : -(1 << 20);
      tests[q] = {minus_popcount, random_bits() % 2 != 0, at_least};
      for (uint32_t i = 0; i < n_rows; ++i)
        if ((values[i] >= at_least) != tests[q].invert) expected_rows[q].push_back(i);
    }
    Exact<uint32_t> first(n_blocks * kernels.slice_rows + 1), second(first.size());
    uint32_t* const positions[2] = {first.data(), second.data()};
    size_t n_found[2] = {};
    kernels.count_slices(blocks.get(), n_blocks, n_bytes, program, tests, positions, n_found);
    for (size_t q = 0; q < 2; ++q) {
      while (n_found[q] > 0 && positions[q][n_found[q] - 1] >= n_rows) --n_found[q];
      check(n_found[q] == expected_rows[q].size() &&
                std::equal(expected_rows[q].begin(), expected_rows[q].end(), positions[q]),
            "count_slices", n_rows, n_bytes, q);
    }
  }
}

}  // namespace
