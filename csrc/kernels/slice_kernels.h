// Counting chosen bits of many rows at once: rows are transposed to slices, one bit of all rows of
// a block each, and slices are added up bit by bit in carry-save form, a full adder for each slice.
// Written once over a class that each instruction set defines in an anonymous namespace. Include
// this between BITINDEX_BEGIN_TARGET and BITINDEX_END_TARGET.
//
// Slices  a Vector of kBytes bytes: load, store, zero, all_if(bool), and_, or_, xor_, not_, any,
//         full_add, majority; shift_left and shift_right of its bytes' bits, whose overflow the
//         caller masks; transpose_tile: kBytes rows by 16 bytes to 16 vectors, row p in byte p.
//
// Source  Harley and Seal's carry-save adders: Warren, Hacker's Delight, 2nd ed., section 5-1;
//         Mula, Kurz, Lemire, "Faster population counts using AVX2 instructions", 2018.
#pragma once

#include "kernel_table.h"

namespace bitindex {

// Bit i of byte p of slice k is bit k of byte p of rows[i]: an 8 x 8 transpose in every byte.
template <class S>
void swap_bits(typename S::Vector* rows, int distance, uint8_t mask) noexcept {
  const typename S::Vector masks = S::bytes(mask);
  for (int i = 0; i < 8; ++i) {
    if ((i & distance) != 0) continue;
    auto& a = rows[i];
    auto& b = rows[i + distance];
    const auto moved = S::and_(S::xor_(S::shift_right(a, distance), b), masks);
    b = S::xor_(b, moved);
    a = S::xor_(a, S::shift_left(moved, distance));
  }
}

// The slices of one block; bytes of rows beyond n_rows are taken as zero.
template <class S>
void slice_block(const uint8_t* rows, size_t n_rows, size_t n_bytes, uint8_t* slices) noexcept {
  constexpr size_t kColumns = 16;
  for (size_t c = 0; c < n_bytes; c += kColumns) {
    const size_t n_columns = n_bytes - c < kColumns ? n_bytes - c : kColumns;
    typename S::Vector bytes[8][kColumns];
    for (size_t i = 0; i < 8; ++i) {
      const size_t first = i * S::kBytes;
      const size_t here = n_rows <= first              ? 0
                          : n_rows - first < S::kBytes ? n_rows - first
                                                       : S::kBytes;
      const uint8_t* from = rows + first * n_bytes + c;
      if (here == S::kBytes && n_columns == kColumns) {
        S::transpose_tile(from, n_bytes, bytes[i]);
      } else {
        uint8_t copy[S::kBytes * kColumns] = {};
        for (size_t r = 0; r < here; ++r)
          std::memcpy(copy + kColumns * r, from + n_bytes * r, n_columns);
        S::transpose_tile(copy, kColumns, bytes[i]);
      }
    }
    for (size_t column = 0; column < n_columns; ++column) {
      typename S::Vector bits[8];
      for (size_t i = 0; i < 8; ++i) bits[i] = bytes[i][column];
      swap_bits<S>(bits, 4, 0x0f);
      swap_bits<S>(bits, 2, 0x33);
      swap_bits<S>(bits, 1, 0x55);
      for (size_t k = 0; k < 8; ++k) S::store(slices + (8 * (c + column) + k) * S::kBytes, bits[k]);
    }
  }
}

// Binary digits that hold a count of up to n bits; the first four stay in registers.
constexpr size_t count_digits(size_t n) noexcept {
  size_t n_digits = 4;
  while (n >> n_digits != 0) ++n_digits;
  return n_digits;
}

// A number for each row, as slices of its binary digits. `largest` bounds all of them.
template <class S>
struct Counter {
  using Vector = typename S::Vector;

  Vector digits[kMaxCountSlices];
  size_t n_digits;  // in use; the others are not set
  size_t largest = 0;

  explicit Counter(size_t n_digits) noexcept : n_digits(n_digits) {
    digits[0] = digits[1] = digits[2] = digits[3] = S::zero();
    for (size_t d = 4; d < n_digits; ++d) digits[d] = S::zero();
  }
  Counter(const Counter& other) noexcept : n_digits(other.n_digits), largest(other.largest) {
    for (size_t d = 0; d < n_digits; ++d) digits[d] = other.digits[d];
  }

  // Starts from a number up to `bound` in each row.
  void start(const uint8_t* slices, size_t bound) noexcept {
    for (size_t d = 0; d < n_digits; ++d) digits[d] = S::load(slices + d * S::kBytes);
    largest = bound;
  }

  // Adds n slices, n a multiple of 8, whose numbers are given.
  void add(const uint8_t* slices, const uint32_t* numbers, size_t n) noexcept {
    Vector ones = digits[0], twos = digits[1], fours = digits[2];
    const auto slice = [=](size_t i) noexcept { return S::load(slices + numbers[i] * S::kBytes); };
    const auto add_8 = [&](size_t i) noexcept {
      Vector twos_a, twos_b, fours_a, fours_b, eights;
      S::full_add(twos_a, ones, ones, slice(i), slice(i + 1));
      S::full_add(twos_b, ones, ones, slice(i + 2), slice(i + 3));
      S::full_add(fours_a, twos, twos, twos_a, twos_b);
      S::full_add(twos_a, ones, ones, slice(i + 4), slice(i + 5));
      S::full_add(twos_b, ones, ones, slice(i + 6), slice(i + 7));
      S::full_add(fours_b, twos, twos, twos_a, twos_b);
      S::full_add(eights, fours, fours, fours_a, fours_b);
      return eights;
    };
    Vector eights_sum = digits[3];
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
      const Vector first = add_8(i);
      Vector sixteens;
      S::full_add(sixteens, eights_sum, eights_sum, first, add_8(i + 8));
      largest += 16;
      carry(4, sixteens);
    }
    if (i < n) {
      const Vector eights = add_8(i);
      largest += 8;
      carry(4, S::and_(eights_sum, eights));
      eights_sum = S::xor_(eights_sum, eights);
    }
    digits[0] = ones, digits[1] = twos, digits[2] = fours, digits[3] = eights_sum;
  }

 private:
  // Adds a digit of weight 2^d; no digit beyond those of `largest` can be set.
  void carry(size_t d, Vector carried) noexcept {
    for (; d < n_digits && largest >> d != 0; ++d) {
      const Vector next = S::and_(digits[d], carried);
      digits[d] = S::xor_(digits[d], carried);
      carried = next;
    }
  }
};

// half - floor(popcount / 2) of each row in binary digits, and behind them the popcount's lowest.
template <class S>
void store_popcounts(size_t n_bytes, uint8_t* slices) noexcept {
  const size_t n_bits = 8 * n_bytes;
  Counter<S> popcounts(count_digits(n_bits));
  for (uint32_t bit = 0; bit < n_bits; bit += 8) {
    const uint32_t numbers[8] = {bit,     bit + 1, bit + 2, bit + 3,
                                 bit + 4, bit + 5, bit + 6, bit + 7};
    popcounts.add(slices, numbers, 8);
  }
  uint8_t* after = slices + n_bits * S::kBytes;
  typename S::Vector borrow = S::zero();
  for (size_t d = 0; d < kMaxCountSlices; ++d) {
    const auto half = S::all_if((n_bits / 2 >> d & 1) != 0);
    const auto subtracted = d + 1 < popcounts.n_digits ? popcounts.digits[d + 1] : S::zero();
    S::store(after + d * S::kBytes, S::xor_(S::xor_(half, subtracted), borrow));
    borrow = S::majority(S::not_(half), subtracted, borrow);
  }
  S::store(after + kParitySlice * S::kBytes, popcounts.digits[0]);
  S::store(after + kZeroSlice * S::kBytes, S::zero());
}

template <class S>
void slice_bits(const uint8_t* rows, size_t n_rows, size_t n_bytes, uint8_t* blocks) noexcept {
  constexpr size_t kRows = 8 * S::kBytes;
  for (size_t first = 0; first < n_rows; first += kRows) {
    const size_t here = n_rows - first < kRows ? n_rows - first : kRows;
    slice_block<S>(rows + first * n_bytes, here, n_bytes, blocks);
    store_popcounts<S>(n_bytes, blocks);
    blocks += (8 * n_bytes + kExtraSlices) * S::kBytes;
  }
}

// Bit `from` of every byte, alone, as its bit `to`.
template <class S>
typename S::Vector move_bit(typename S::Vector x, int from, int to) noexcept {
  const auto bit = S::and_(x, S::bytes(static_cast<uint8_t>(1 << from)));
  return to >= from ? S::shift_left(bit, to - from) : S::shift_right(bit, from - to);
}

// The sums of all rows of a block, from their values in binary digits.
template <class S>
void write_sums(const typename S::Vector* digits, size_t n_digits, int32_t base, int32_t sign,
                uint32_t* sums) noexcept {
  constexpr size_t kRows = 8 * S::kBytes;
  alignas(64) uint8_t bytes[3][kRows];
  for (size_t byte = 0; byte < 3; ++byte)
    for (int i = 0; i < 8; ++i) {
      typename S::Vector byte_of_row = S::zero();
      for (size_t d = 8 * byte; d < n_digits && d < 8 * byte + 8; ++d)
        byte_of_row = S::or_(byte_of_row, move_bit<S>(digits[d], i, static_cast<int>(d % 8)));
      S::store(bytes[byte] + static_cast<size_t>(i) * S::kBytes, byte_of_row);
    }
  for (size_t row = 0; row < kRows; ++row) {
    const int32_t value = bytes[0][row] | bytes[1][row] << 8 | bytes[2][row] << 16;
    sums[row] = static_cast<uint32_t>(base + sign * value);
  }
}

// Where a block may have a row that passes the test, writes the sums of all its rows.
template <class S>
bool test_block(const Counter<S>& counter, const uint8_t* slices, size_t n_bytes,
                const SliceTest& test, uint32_t* sums) noexcept {
  using Vector = typename S::Vector;
  alignas(64) uint8_t zeros_then_ones[2 * S::kBytes];
  S::store(zeros_then_ones, S::zero());
  S::store(zeros_then_ones + S::kBytes, S::all_if(true));
  // 2 count - popcount = 2 (count + half - floor(popcount / 2)) - 2 half - parity.
  const int32_t half = static_cast<int32_t>(4 * n_bytes);
  const size_t n_digits = counter.n_digits;
  const int64_t least = test.minus_popcount
                            ? ((static_cast<int64_t>(test.at_least) + 2 * test.invert) >> 1) + half
                            : test.at_least;
  if (least <= 0 || least >> n_digits != 0) {
    if ((least <= 0) == test.invert) return false;
  } else {
    Vector at_least = S::all_if(true);
    for (size_t d = 0; d < n_digits; ++d)
      at_least = S::majority(counter.digits[d], at_least,
                             S::load(zeros_then_ones + S::kBytes * (~least >> d & 1)));
    if (!S::any(test.invert ? S::not_(at_least) : at_least)) return false;
  }
  if (!test.minus_popcount) {
    write_sums<S>(counter.digits, n_digits, test.base, test.sign, sums);
    return true;
  }
  Vector doubled[kMaxCountSlices + 1];
  doubled[0] = S::not_(S::load(slices + (8 * n_bytes + kParitySlice) * S::kBytes));
  for (size_t d = 0; d < n_digits; ++d) doubled[d + 1] = counter.digits[d];
  write_sums<S>(doubled, n_digits + 1, test.base - test.sign * (2 * half + 1), test.sign, sums);
  return true;
}

template <class S>
void count_slices(const uint8_t* blocks, size_t n_blocks, size_t n_bytes, const SlicePair& pair,
                  const SliceTest* tests, uint32_t* const* sums, uint8_t* const* passed) noexcept {
  constexpr size_t kRows = 8 * S::kBytes;
  const uint32_t* firsts = pair.bits + pair.n_both;
  const uint32_t* seconds = firsts + pair.n_first;
  for (size_t b = 0; b < n_blocks; ++b, blocks += (8 * n_bytes + kExtraSlices) * S::kBytes) {
    Counter<S> counter(count_digits(12 * n_bytes));
    if (tests[0].minus_popcount) counter.start(blocks + 8 * n_bytes * S::kBytes, 4 * n_bytes);
    counter.add(blocks, pair.bits, pair.n_both);
    if (pair.n_queries == 2) {
      Counter<S> second = counter;
      second.add(blocks, seconds, pair.n_second);
      passed[1][b] = test_block<S>(second, blocks, n_bytes, tests[1], sums[1] + b * kRows);
    }
    counter.add(blocks, firsts, pair.n_first);
    passed[0][b] = test_block<S>(counter, blocks, n_bytes, tests[0], sums[0] + b * kRows);
  }
}

}  // namespace bitindex
