// Counting chosen bits of many rows at once: rows are transposed to slices, one bit of all rows of
// a block each, and slices are added up bit by bit in carry-save form. Written once over a class
// that each instruction set defines in an anonymous namespace. Include this between
// BITINDEX_BEGIN_TARGET and BITINDEX_END_TARGET.
//
// Slices  a Vector of kBytes bytes: load, store, zero, bytes, all_if(bool), and_, or_, xor_, not_,
//         any, majority; shift_left and shift_right of its bytes' bits, whose overflow the caller
//         masks; transpose_tile: kBytes rows by 16 bytes to 16 vectors, row p in byte p;
//         lowest_bit: the position of the lowest set bit of a number that is not 0.
//         kTernary: whether functions of three bits are cheap, and then parity; else and_not.
//
// Source  Harley and Seal's carry-save adders: Warren, Hacker's Delight, 2nd ed., section 5-1;
//         Mula, Kurz, Lemire, "Faster population counts using AVX2 instructions", 2018. Pairs of
//         bits with their exclusive or: Demenkov, Kojevnikov, Kulikov, Yaroslavtsev, "New upper
//         bounds on the Boolean circuit complexity of symmetric functions", 2010.
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

// The slices of one block: bit k of byte p is that of row 8p + k. Bytes of rows beyond n_rows are
// taken as zero.
template <class S>
void slice_block(const uint8_t* rows, size_t n_rows, size_t n_bytes, uint8_t* slices) noexcept {
  constexpr size_t kColumns = 16;
  for (size_t c = 0; c < n_bytes; c += kColumns) {
    const size_t n_columns = n_bytes - c < kColumns ? n_bytes - c : kColumns;
    typename S::Vector bytes[8][kColumns];
    for (size_t i = 0; i < 8; ++i) {
      const size_t here = n_rows > i ? (n_rows - i + 7) / 8 : 0;
      const uint8_t* from = rows + i * n_bytes + c;
      if (here == S::kBytes && n_columns == kColumns) {
        S::transpose_tile(from, 8 * n_bytes, bytes[i]);
      } else {
        uint8_t copy[S::kBytes * kColumns] = {};
        for (size_t r = 0; r < here; ++r)
          std::memcpy(copy + kColumns * r, from + 8 * n_bytes * r, n_columns);
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

// Two slices of the same weight, in the form that add_pair and add_pairs like.
template <class S>
struct SlicePair {
  typename S::Vector one;
  typename S::Vector other;  // exclusive or with `one`, unless S::kTernary
};

template <class S>
SlicePair<S> make_pair(typename S::Vector a, typename S::Vector b) noexcept {
  if constexpr (S::kTernary) return {a, b};
  return {a, S::xor_(a, b)};
}

// Adds a pair to a digit of the same weight and returns what is carried, of twice the weight.
template <class S>
typename S::Vector add_pair(typename S::Vector& digit, SlicePair<S> pair) noexcept {
  if constexpr (S::kTernary) {
    const auto carried = S::majority(digit, pair.one, pair.other);
    digit = S::parity(digit, pair.one, pair.other);
    return carried;
  } else {
    const auto differ = S::or_(S::xor_(digit, pair.one), pair.other);
    digit = S::xor_(digit, pair.other);
    return S::xor_(differ, digit);
  }
}

// Two full adders. The form with an exclusive or takes 8 operations, not 10.
template <class S>
SlicePair<S> add_pairs(typename S::Vector& digit, SlicePair<S> a, SlicePair<S> b) noexcept {
  if constexpr (S::kTernary) {
    const auto first = add_pair<S>(digit, a);
    return {first, add_pair<S>(digit, b)};
  } else {
    const auto differ = S::or_(S::xor_(digit, a.one), a.other);
    const auto sum = S::xor_(digit, a.other);
    const auto carried = S::xor_(differ, sum);
    const auto other = S::xor_(differ, S::and_not(S::xor_(sum, b.one), b.other));
    digit = S::xor_(sum, b.other);
    return {carried, other};
  }
}

// Binary digits that hold a count of up to n bits.
constexpr size_t count_digits(size_t n) noexcept {
  size_t n_digits = 0;
  while (n >> n_digits != 0) ++n_digits;
  return n_digits;
}

// A number for each row, as slices of its binary digits.
template <class S, size_t kDigits>
struct Counter {
  using Vector = typename S::Vector;

  Vector digits[kDigits];

  void load(const uint8_t* from) noexcept {
    for (size_t d = 0; d < kDigits; ++d) digits[d] = S::load(from + d * S::kBytes);
  }
  void store(uint8_t* to) const noexcept {
    for (size_t d = 0; d < kDigits; ++d) S::store(to + d * S::kBytes, digits[d]);
  }

  // Adds n slices, n a multiple of 4, whose offsets are given.
  void add(const uint8_t* slices, const uint32_t* offsets, size_t n) noexcept {
    const uint32_t* const end = offsets + n;
    while (end - offsets >= 32) add_some<4>(slices, offsets);
    if ((n & 16) != 0) add_some<3>(slices, offsets);
    if ((n & 8) != 0) add_some<2>(slices, offsets);
    if ((n & 4) != 0) add_some<1>(slices, offsets);
  }

  void add(const uint8_t* counter) noexcept {
    Vector carried = S::zero();
    for (size_t d = 0; d < kDigits; ++d)
      carried = add_pair<S>(digits[d], make_pair<S>(carried, S::load(counter + d * S::kBytes)));
  }

 private:
  // Adds 2^(kLevel + 1) slices into the lowest digits; what is carried has weight 2^kLevel.
  template <size_t kLevel>
  SlicePair<S> carry_of(const uint8_t* slices, const uint32_t*& offsets) noexcept {
    if constexpr (kLevel == 0) {
      const auto one = S::load(slices + offsets[0]);
      const auto other = S::load(slices + offsets[1]);
      offsets += 2;
      return make_pair<S>(one, other);
    } else {
      const auto first = carry_of<kLevel - 1>(slices, offsets);
      const auto second = carry_of<kLevel - 1>(slices, offsets);
      return add_pairs<S>(digits[kLevel - 1], first, second);
    }
  }

  template <size_t kLevel>
  void add_some(const uint8_t* slices, const uint32_t*& offsets) noexcept {
    Vector carried = add_pair<S>(digits[kLevel], carry_of<kLevel>(slices, offsets));
    for (size_t d = kLevel + 1; d < kDigits; ++d) {
      const Vector next = S::and_(digits[d], carried);
      digits[d] = S::xor_(digits[d], carried);
      carried = next;
    }
  }
};

// half - floor(popcount / 2) of each row in binary digits, then the even popcounts, then zeros.
template <class S>
void store_popcounts(size_t n_bytes, uint8_t* slices) noexcept {
  const size_t n_bits = 8 * n_bytes;
  Counter<S, kMaxCountSlices> popcounts = {};
  for (size_t bit = 0; bit < n_bits; bit += 32) {
    const size_t here = n_bits - bit < 32 ? n_bits - bit : 32;
    uint32_t offsets[32];
    for (size_t i = 0; i < here; ++i) offsets[i] = static_cast<uint32_t>((bit + i) * S::kBytes);
    popcounts.add(slices, offsets, here);
  }
  uint8_t* after = slices + n_bits * S::kBytes;
  typename S::Vector borrow = S::zero();
  for (size_t d = 0; d < kMaxCountSlices; ++d) {
    const auto half = S::all_if((n_bits / 2 >> d & 1) != 0);
    const auto subtracted = d + 1 < kMaxCountSlices ? popcounts.digits[d + 1] : S::zero();
    S::store(after + d * S::kBytes, S::xor_(S::xor_(half, subtracted), borrow));
    borrow = S::majority(S::not_(half), subtracted, borrow);
  }
  S::store(after + kEvenSlice * S::kBytes, S::not_(popcounts.digits[0]));
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

// A SliceTest as digits: a counter is at least `bound` where counter + ~bound + 1 carries.
template <class S, size_t kDigits>
struct Bound {
  using Vector = typename S::Vector;

  Vector inverse[kDigits];
  bool only_even;  // the 1 is added to rows with an even popcount only
  bool invert;

  // 2 count - popcount = 2 (count + half - floor(popcount / 2)) - 2 half - (popcount is odd), so
  // that for an even bound rows with an odd popcount need one more.
  void set(const SliceTest& test, size_t n_bytes) noexcept {
    int64_t least = test.at_least;
    if (test.minus_popcount) least = ((least + 1) >> 1) + static_cast<int64_t>(4 * n_bytes);
    only_even = test.minus_popcount && (test.at_least & 1) == 0 && least >= 0;
    invert = test.invert;
    // No counter is as large as all digits together.
    constexpr int64_t kNever = (int64_t{1} << kDigits) - 1;
    least = least < 0 ? 0 : least > kNever ? kNever : least;
    for (size_t d = 0; d < kDigits; ++d) inverse[d] = S::all_if((~least >> d & 1) != 0);
  }

  Vector passing_rows(const Counter<S, kDigits>& counter, const uint8_t* slices,
                      size_t n_bytes) const noexcept {
    const Vector ones = S::all_if(true);
    Vector carried = ones;
    if (only_even) carried = S::load(slices + (8 * n_bytes + kEvenSlice) * S::kBytes);
    for (size_t d = 0; d < kDigits; ++d)
      carried = S::majority(counter.digits[d], carried, inverse[d]);
    return invert ? S::not_(carried) : carried;
  }
};

// Writes the numbers of the rows in a slice, ascending; returns how many.
template <class S>
size_t append_rows(typename S::Vector rows, uint32_t first, uint32_t* positions) noexcept {
  uint8_t bytes[S::kBytes];
  S::store(bytes, rows);
  size_t n_found = 0;
  for (size_t i = 0; i < S::kBytes; i += 8, first += 64) {
    uint64_t word;
    std::memcpy(&word, bytes + i, sizeof word);
    // Most words hold one row or none: no branch for these, which no CPU could predict.
    positions[n_found] = first + S::lowest_bit(word | uint64_t{1} << 63);
    n_found += word != 0;
    for (word &= word - 1; word != 0; word &= word - 1)
      positions[n_found++] = first + S::lowest_bit(word);
  }
  return n_found;
}

template <class S, size_t kDigits>
void run_slice_program(const uint8_t* blocks, size_t n_blocks, size_t n_bytes,
                       const SliceProgram& program, const SliceTest* tests,
                       uint32_t* const* positions, size_t* n_found) noexcept {
  constexpr size_t kRows = 8 * S::kBytes, kCounterBytes = kDigits * S::kBytes;
  alignas(64) uint8_t counters[kMaxCounters * kCounterBytes];
  Counter<S, kDigits>{}.store(counters + kZeroCounter * kCounterBytes);
  Bound<S, kDigits> bounds[kMaxSliceQueries];
  for (size_t q = 0; q < program.n_queries; ++q) bounds[q].set(tests[q], n_bytes);
  for (size_t b = 0; b < n_blocks; ++b, blocks += (8 * n_bytes + kExtraSlices) * S::kBytes) {
    Counter<S, kDigits> start;
    start.load(blocks + 8 * n_bytes * S::kBytes);
    start.store(counters + kStartCounter * kCounterBytes);
    const uint32_t* offsets = program.offsets;
    for (size_t i = 0; i < program.n_steps; ++i) {
      const SliceStep& step = program.steps[i];
      Counter<S, kDigits> counter;
      counter.load(counters + step.from * kCounterBytes);
      counter.add(blocks, offsets, step.n_slices);
      offsets += step.n_slices;
      for (size_t j = 0; j < step.n_plus; ++j) counter.add(counters + step.plus[j] * kCounterBytes);
      if (step.is_total) {
        const auto rows = bounds[step.to].passing_rows(counter, blocks, n_bytes);
        if (S::any(rows))
          n_found[step.to] += append_rows<S>(rows, static_cast<uint32_t>(b * kRows),
                                             positions[step.to] + n_found[step.to]);
      } else {
        counter.store(counters + step.to * kCounterBytes);
      }
    }
  }
}

template <class S>
void count_slices(const uint8_t* blocks, size_t n_blocks, size_t n_bytes,
                  const SliceProgram& program, const SliceTest* tests, uint32_t* const* positions,
                  size_t* n_found) noexcept {
  const size_t n_digits = count_digits(12 * n_bytes);
  const auto run = n_digits <= 8    ? run_slice_program<S, 8>
                   : n_digits == 9  ? run_slice_program<S, 9>
                   : n_digits == 10 ? run_slice_program<S, 10>
                   : n_digits <= 12 ? run_slice_program<S, 12>
                                    : run_slice_program<S, kMaxCountSlices>;
  run(blocks, n_blocks, n_bytes, program, tests, positions, n_found);
}

}  // namespace bitindex
