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
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "kernels/kernel_table.h"

namespace bitindex {
extern const KernelTable kGenericKernels;
extern const KernelTable KERNELS;
}  // namespace bitindex

namespace {

using bitindex::KernelTable;
using bitindex::LargestSums;
const KernelTable& tested = bitindex::KERNELS;
const KernelTable& expected = bitindex::kGenericKernels;

long n_checks = 0, n_failures = 0;

void check(bool passed, const char* what, size_t a, size_t b, size_t c) {
  ++n_checks;
  if (passed) return;
  if (++n_failures <= 20) std::printf("FAILED %s (%zu, %zu, %zu)\n", what, a, b, c);
}

uint32_t random_bits() {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<uint32_t>(state >> 16);
}

float random_float() { return static_cast<float>(random_bits() % 20001) / 5000.0f - 2.0f; }

// Memory of exactly this size, so that a sanitizer sees the first byte too many.
template <class T>
class Exact {
 public:
  explicit Exact(size_t n, size_t offset = 0)
      : memory_(static_cast<T*>(std::malloc((n + offset) * sizeof(T) + (n + offset == 0)))),
        begin_(memory_ + offset),
        n_(n) {
    if (memory_ == nullptr) std::abort();
  }
  Exact(const Exact&) = delete;
  Exact& operator=(const Exact&) = delete;
  ~Exact() { std::free(memory_); }

  T* data() { return begin_; }
  T& operator[](size_t i) { return begin_[i]; }
  size_t size() const { return n_; }

 private:
  T* memory_;
  T* begin_;
  size_t n_;
};

enum Content { kRandom, kZeros, kOnes, kContents };

void fill(Exact<uint8_t>& bytes, Content content) {
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = content == kRandom ? static_cast<uint8_t>(random_bits())
                                  : static_cast<uint8_t>(content == kOnes ? 0xff : 0);
}

// Results with a guard after them, which no kernel may change.
class Counts {
 public:
  explicit Counts(size_t n) : counts_(n + kGuards, kGuard) {}
  uint32_t* data() { return counts_.data(); }
  bool same(const Counts& other) const { return counts_ == other.counts_; }

 private:
  static constexpr size_t kGuards = 20;
  static constexpr uint32_t kGuard = 0xdeadbeef;
  std::vector<uint32_t> counts_;
};

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

struct Free {
  void operator()(void* p) const { std::free(p); }
};

std::vector<uint32_t> sums_of(const KernelTable& kernels, Exact<uint8_t>& rows, size_t n_rows,
                              size_t n_bytes, Exact<uint8_t>& table, LargestSums largest) {
  const size_t n_blocks = (n_rows + kernels.block_rows - 1) / kernels.block_rows;
  const size_t size = 2 * n_bytes * n_blocks * kernels.block_rows;
  const std::unique_ptr<uint8_t, Free> blocks(
      static_cast<uint8_t*>(std::aligned_alloc(64, size == 0 ? 64 : size)));
  std::memset(blocks.get(), 0xee, size);
  kernels.transpose_rows(rows.data(), n_rows, n_bytes, blocks.get());
  Exact<uint32_t> sums(n_blocks * kernels.block_rows);
  Exact<uint8_t> passed(n_blocks);
  kernels.table_sums(blocks.get(), n_blocks, n_bytes, table.data(), largest, 0, sums.data(),
                     passed.data());
  const std::vector<uint32_t> all(sums.data(), sums.data() + sums.size());
  const uint32_t least = all.empty() ? 0 : all[random_bits() % all.size()] + random_bits() % 2;
  kernels.table_sums(blocks.get(), n_blocks, n_bytes, table.data(), largest, least, sums.data(),
                     passed.data());
  for (size_t i = 0; i < all.size(); ++i)
    check(passed[i / kernels.block_rows] != 0 ? sums[i] == all[i] : all[i] < least,
          "table_sums of a block", n_rows, n_bytes, least);
  std::vector<uint32_t> result(sums.data(), sums.data() + sums.size());
  uint32_t of_zeros = 0;
  for (size_t c = 0; c < n_bytes; ++c) of_zeros += table[32 * c] + table[32 * c + 16];
  for (size_t i = n_rows; i < result.size(); ++i)
    check(result[i] == of_zeros, "table_sums of a missing row", n_rows, n_bytes, i);
  result.resize(n_rows);
  return result;
}

void check_table_sums(size_t n_rows, size_t n_bytes, Content content) {
  const size_t offset = random_bits() % 9;
  Exact<uint8_t> rows(n_rows * n_bytes, offset);
  fill(rows, content);
  constexpr LargestSums kLargest[] = {{0, 0},     {1, 2},     {8, 16},    {127, 254}, {200, 255},
                                      {255, 255}, {128, 256}, {255, 510}, {256, 512}, {510, 1020}};
  for (const LargestSums& largest : kLargest) {
    Exact<uint8_t> table(32 * n_bytes, offset / 2);
    const bool extreme = random_bits() % 2;
    for (size_t i = 0; i < table.size(); ++i) {
      const uint32_t byte = i / 32 % 2 == 0 ? largest.byte : largest.two_bytes - largest.byte;
      const uint32_t most = i / 16 % 2 ? byte / 2 : byte - byte / 2;
      table[i] = static_cast<uint8_t>(extreme ? most : random_bits() % (most + 1));
    }
    check(sums_of(tested, rows, n_rows, n_bytes, table, largest) ==
              sums_of(expected, rows, n_rows, n_bytes, table, largest),
          "table_sums", n_rows, n_bytes, largest.byte);
  }
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

void check_select(size_t n) {
  Exact<uint32_t> sums(n, 1);
  Exact<float> scale(n, 1), offset(n, 3);
  for (size_t i = 0; i < n; ++i) {
    sums[i] = random_bits() % 1000;
    scale[i] = random_float();
    offset[i] = random_float();
  }
  for (const float limit : {-1e30f, -500.0f, 20.0f, 500.0f, 1e30f})
    for (int given = 0; given < 4; ++given) {
      bitindex::RowTest test = {1.0f, 0.0f, random_float(), limit, nullptr, nullptr};
      if (random_bits() % 2) test.alpha = random_float(), test.gamma = random_float();
      if (given & 1) test.scale = scale.data();
      if (given & 2) test.offset = offset.data();
      Exact<uint32_t> a(n + 16), b(n + 16);
      const size_t found = tested.select_rows(sums.data(), n, test, a.data());
      check(found == expected.select_rows(sums.data(), n, test, b.data()) &&
                std::memcmp(a.data(), b.data(), found * sizeof(uint32_t)) == 0,
            "select_rows", n, static_cast<size_t>(given), found);
    }
}

template <class T, class Draw>
void check_vectors(size_t d, bitindex::VectorType type, Draw draw) {
  Exact<float> query(d, random_bits() % 5);
  Exact<T> x(d, random_bits() % 5);
  for (size_t i = 0; i < d; ++i) query[i] = random_float(), x[i] = draw();
  const float scale = random_float();
  check(tested.dot[type](query.data(), x.data(), scale, d) ==
            expected.dot[type](query.data(), x.data(), scale, d),
        "dot", d, type, 0);
  check(tested.squared_l2[type](query.data(), x.data(), scale, d) ==
            expected.squared_l2[type](query.data(), x.data(), scale, d),
        "squared_l2", d, type, 0);
}

void check_all_vectors(size_t d) {
  check_vectors<float>(d, bitindex::kFloat32, random_float);
  check_vectors<uint16_t>(d, bitindex::kFloat16, [] {
    const uint32_t bits = random_bits();
    const bool finite = (bits & 0x7c00) != 0x7c00;
    return static_cast<uint16_t>(finite ? bits : bits & 0x83ff);  // otherwise a subnormal number
  });
  check_vectors<int8_t>(d, bitindex::kInt8, [] { return static_cast<int8_t>(random_bits()); });
}

bool same_bits(Exact<float>& a, Exact<float>& b) {
  return a.size() == 0 || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void check_multiply(size_t n_rows, size_t n_dims, size_t n_panels) {
  Exact<float> rows(n_rows * n_dims, random_bits() % 5);
  Exact<float> matrix(n_dims * 16 * n_panels, random_bits() % 5);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = random_float();
  for (size_t i = 0; i < matrix.size(); ++i) matrix[i] = random_float();
  for (const bool panels : {false, true}) {
    const size_t panel_stride = panels ? 16 * n_dims : 16, row_stride = panels ? 16 : 16 * n_panels;
    Exact<float> a(n_rows * 16 * n_panels), b(a.size());
    tested.multiply_rows(rows.data(), n_rows, n_dims, matrix.data(), n_panels, panel_stride,
                         row_stride, a.data());
    expected.multiply_rows(rows.data(), n_rows, n_dims, matrix.data(), n_panels, panel_stride,
                           row_stride, b.data());
    check(same_bits(a, b), "multiply_rows", n_rows, n_dims, n_panels);
  }
}

void check_multiply_int8(size_t n_rows, size_t n_quads, size_t n_panels) {
  const size_t row_stride = 4 * n_quads + random_bits() % 3;
  Exact<uint8_t> rows(n_rows * row_stride, random_bits() % 5);
  Exact<int8_t> matrix(n_panels * n_quads * 64, random_bits() % 5);
  Exact<int32_t> starts(16 * n_panels);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = random_bits() % 128;
  for (size_t i = 0; i < matrix.size(); ++i)
    matrix[i] = static_cast<int8_t>(static_cast<int>(random_bits() % 255) - 127);
  for (size_t i = 0; i < starts.size(); ++i) starts[i] = static_cast<int32_t>(random_bits() >> 8);
  Exact<int32_t> a(n_rows * 16 * n_panels), b(a.size());
  for (const auto& [kernels, sums] : {std::pair(&tested, &a), std::pair(&expected, &b)})
    kernels->multiply_int8(rows.data(), n_rows, row_stride, n_quads, matrix.data(), n_panels,
                           64 * n_quads, starts.data(), sums->data());
  check(std::equal(a.data(), a.data() + a.size(), b.data()), "multiply_int8", n_rows, n_quads,
        n_panels);
}

void check_decide_signs(size_t n_rows) {
  const size_t stride = 16 + random_bits() % 5;
  Exact<float> a_left(n_rows * stride, random_bits() % 5), b_left(a_left.size());
  Exact<float> fed_back(n_rows * 16, random_bits() % 5), feedback(256, random_bits() % 5);
  for (size_t i = 0; i < a_left.size(); ++i) a_left[i] = b_left[i] = random_float();
  for (size_t i = 0; i < fed_back.size(); ++i) fed_back[i] = random_float();
  for (size_t i = 0; i < feedback.size(); ++i) feedback[i] = random_float();
  Exact<uint8_t> a(n_rows * 16), b(a.size());
  tested.decide_signs(a_left.data(), n_rows, stride, fed_back.data(), 1.2f, feedback.data(),
                      a.data(), 16);
  expected.decide_signs(b_left.data(), n_rows, stride, fed_back.data(), 1.2f, feedback.data(),
                        b.data(), 16);
  check(std::equal(a.data(), a.data() + a.size(), b.data()), "decide_signs", n_rows, stride, 0);
  check(same_bits(a_left, b_left), "evidence of decide_signs", n_rows, stride, 0);
}

void check_rounding(size_t n) {
  Exact<float> x(n, random_bits() % 5), scales(n, random_bits() % 5), a(n), b(n);
  Exact<int32_t> sums(n, random_bits() % 5);
  Exact<uint8_t> a_bytes(n), b_bytes(n);
  for (size_t i = 0; i < n; ++i) {
    x[i] = 30.0f * random_float(), scales[i] = random_float(), a[i] = b[i] = random_float();
    sums[i] = static_cast<int32_t>(random_bits());
  }
  check(tested.largest_magnitude(x.data(), n) == expected.largest_magnitude(x.data(), n),
        "largest_magnitude", n, 0, 0);
  const float factor = random_float();
  tested.round_bytes(x.data(), factor, 64, n, a_bytes.data());
  expected.round_bytes(x.data(), factor, 64, n, b_bytes.data());
  check(std::equal(a_bytes.data(), a_bytes.data() + n, b_bytes.data()), "round_bytes", n, 0, 0);
  tested.add_scaled(sums.data(), scales.data(), factor, n, a.data());
  expected.add_scaled(sums.data(), scales.data(), factor, n, b.data());
  check(same_bits(a, b), "add_scaled", n, 0, 0);
}

void check_weigh_left(size_t n) {
  Exact<uint8_t> signs(n, random_bits() % 5);
  Exact<float> weights(n, random_bits() % 5), a_left(n, 1), b_left(n), a(n), b(n);
  for (size_t i = 0; i < n; ++i) {
    signs[i] = random_bits() % 2 * 2;
    weights[i] = random_float(), a_left[i] = b_left[i] = random_float();
  }
  tested.weigh_left(signs.data(), weights.data(), 0.3f, n, a_left.data(), a.data());
  expected.weigh_left(signs.data(), weights.data(), 0.3f, n, b_left.data(), b.data());
  check(same_bits(a, b) && same_bits(a_left, b_left), "weigh_left", n, 0, 0);
}

void check_start_flips(size_t n) {
  Exact<uint8_t> signs(n, random_bits() % 5);
  Exact<float> gradient(n, 1), along(n), own(n, 2), scales(n), pulls(n, 3);
  for (size_t i = 0; i < n; ++i) {
    signs[i] = random_bits() % 2 * 2;
    gradient[i] = random_float(), along[i] = random_float(), own[i] = random_float();
    scales[i] = 9000.0f * random_float(), pulls[i] = random_float();
  }
  Exact<int16_t> a(n), b(n), a_pulls(n), b_pulls(n), a_signs(n), b_signs(n);
  const bitindex::FlipTerms terms = {signs.data(),  gradient.data(), along.data(),   own.data(),
                                     scales.data(), pulls.data(),    random_float(), 30000.0f};
  tested.start_flips(terms, n, a.data(), a_pulls.data(), a_signs.data());
  expected.start_flips(terms, n, b.data(), b_pulls.data(), b_signs.data());
  for (const auto& [first, second] :
       {std::pair(&a, &b), {&a_pulls, &b_pulls}, {&a_signs, &b_signs}})
    check(std::equal(first->data(), first->data() + n, second->data()), "start_flips", n, 0, 0);
}

void check_next_flip(size_t n) {
  const auto draw = [] { return static_cast<int16_t>(random_bits()); };
  Exact<int16_t> row(n, random_bits() % 5), signs(n, random_bits() % 5), pulls(n, 1);
  Exact<int16_t> a(n, random_bits() % 5), b(n);
  for (size_t i = 0; i < n; ++i) {
    row[i] = draw(), pulls[i] = draw(), a[i] = b[i] = draw();
    signs[i] = static_cast<int16_t>(draw() >> 15);
  }
  for (const int16_t factor : {int16_t{0}, int16_t{32767}, int16_t{-9999}}) {
    const bitindex::FlipUpdate update = {row.data(), signs[n / 2], factor};
    const auto first = tested.next_flip(update, signs.data(), pulls.data(), n, a.data());
    const auto second = expected.next_flip(update, signs.data(), pulls.data(), n, b.data());
    check(first.bit == second.bit && first.cost == second.cost, "next_flip", n, first.bit,
          second.bit);
    check(std::equal(a.data(), a.data() + n, b.data()), "costs of next_flip", n, 0, 0);
  }
}

void check_hadamard(size_t n_dims) {
  const size_t offset = random_bits() % 5;
  Exact<float> a(n_dims, offset), b(n_dims), factors(n_dims, 1);
  for (size_t n = 1; n <= n_dims; n *= 2) {
    const size_t first = random_bits() % (n_dims - n + 1);
    for (size_t i = 0; i < n_dims; ++i) a[i] = b[i] = random_float(), factors[i] = random_float();
    tested.hadamard(a.data(), n_dims, factors.data(), first, n);
    expected.hadamard(b.data(), n_dims, factors.data(), first, n);
    check(same_bits(a, b), "hadamard", n_dims, first, n);
  }
}

void check_level_sums(size_t n_dims) {
  Exact<float> x(n_dims, random_bits() % 5);
  for (size_t i = 0; i < n_dims; ++i) x[i] = random_float() + 2.0f;
  for (const float most : {0.0f, 1.0f, 127.0f}) {
    Exact<float> a(2), b(2);
    const float t = random_float() + 2.0f;
    tested.level_sums(x.data(), n_dims, t, most, a.data(), a.data() + 1);
    expected.level_sums(x.data(), n_dims, t, most, b.data(), b.data() + 1);
    check(same_bits(a, b), "level_sums", n_dims, static_cast<size_t>(most), 0);
  }
}

}  // namespace

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
