#include "scan/row_filter.h"

#include <algorithm>
#include <bitset>
#include <cstring>

#include "codes/lowest_bit.h"
#include "codes/random.h"

namespace bitindex {
namespace {

size_t count_bits(uint64_t word) noexcept { return std::bitset<64>(word).count(); }

std::vector<uint64_t> all_rows(size_t n_rows) {
  std::vector<uint64_t> words(n_rows / 64 + 1, ~uint64_t{0});
  words.back() = (uint64_t{1} << (n_rows % 64)) - 1;
  return words;
}

// Bit i is set where byte i is not 0.
uint64_t bits_of_bytes(const uint8_t* bytes) noexcept {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7fu;
  uint64_t x;
  std::memcpy(&x, bytes, sizeof x);
  const uint64_t set = (((x & kLow) + kLow) | x) & ~kLow;
  return (set >> 7) * 0x0102040810204080u >> 56;
}

}  // namespace

RowFilter::RowFilter(const RowStore& store, const IdFilter& filter) {
  const size_t n_rows = store.n_rows();
  n_allowed_ = store.n_live();
  if (filter.kind == IdFilter::kAll && !store.has_removed_rows()) return;
  words_.assign(n_rows / 64 + 1, 0);

  const IdMap& ids = store.ids();
  switch (filter.kind) {
    case IdFilter::kAll:
      words_ = all_rows(n_rows);
      break;
    case IdFilter::kMask:
      allow_mask(ids, filter);
      break;
    case IdFilter::kList:
      allow_list(ids, filter);
      break;
    case IdFilter::kRange:
      allow_range(ids, filter);
      break;
  }
  n_allowed_ = 0;
  for (size_t word = 0; word < words_.size(); ++word) {
    if (store.has_removed_rows() && word < store.removed().size())
      words_[word] &= ~store.removed()[word];
    n_allowed_ += count_bits(words_[word]);
  }
}

RowFilter RowFilter::sample(size_t n_rows) const {
  RowFilter result;
  result.words_ = allows_all() ? all_rows(n_rows) : words_;
  uint64_t random = 0;
  for (uint64_t& word : result.words_) {
    for (size_t share = kSampleShare; share > 1; share /= 2) word &= next_random(random);
    result.n_allowed_ += count_bits(word);
  }
  return result;
}

RowFilter RowFilter::only(const std::vector<uint32_t>& rows, size_t n_rows) const {
  RowFilter result;
  result.words_.assign(n_rows / 64 + 1, 0);
  for (const uint32_t row : rows) {
    if (!allows_all() && !allows(row)) continue;
    result.allow(row);
    ++result.n_allowed_;
  }
  return result;
}

void RowFilter::allow_list(const IdMap& ids, const IdFilter& filter) {
  if (ids.are_row_numbers()) {
    for (size_t i = 0; i < filter.n; ++i) {
      const auto row = static_cast<uint64_t>(filter.list[i]);
      if (row < ids.n_rows()) allow(row);
    }
    return;
  }
  for (size_t i = 0; i < filter.n; ++i) {
    const int64_t row = ids.find(filter.list[i]);
    if (row != IdMap::kNoRow) allow(static_cast<size_t>(row));
  }
}

void RowFilter::allow_mask(const IdMap& ids, const IdFilter& filter) {
  size_t row = 0;
  if (ids.are_row_numbers())
    for (const size_t n = std::min(filter.n, ids.n_rows()); row + 8 <= n; row += 8)
      words_[row / 64] |= bits_of_bytes(filter.mask + row) << (row % 64);
  for (; row < ids.n_rows(); ++row) {
    const auto id = static_cast<uint64_t>(ids.id(row));
    if (id < filter.n && filter.mask[id] != 0) allow(row);
  }
}

void RowFilter::allow_range(const IdMap& ids, const IdFilter& filter) {
  size_t row = 0, last = ids.n_rows();
  if (ids.ascending()) {
    row = ids.first_row_from(filter.start);
    last = ids.first_row_from(filter.stop);
  }
  if (ids.ascending() && filter.step == 1) {
    while (row < last) {
      const size_t here = std::min(last - row, 64 - row % 64);
      words_[row / 64] |= ~uint64_t{0} >> (64 - here) << (row % 64);
      row += here;
    }
  }
  for (; row < last; ++row) {
    const int64_t id = ids.id(row);
    if (id >= filter.start && id < filter.stop &&
        (filter.step == 1 || (id - filter.start) % filter.step == 0))
      allow(row);
  }
}

size_t RowFilter::next_row(size_t first, size_t last) const noexcept {
  while (first < last) {
    const uint64_t word = word_from(first);
    if (word != 0) return std::min(last, first + static_cast<size_t>(lowest_bit(word)));
    first = first / 64 * 64 + 64;
  }
  return last;
}

size_t RowFilter::count(size_t first, size_t last) const noexcept {
  size_t n = 0;
  while (first < last) {
    const size_t here = std::min(last - first, 64 - first % 64);
    n += count_bits(word_from(first) << (64 - here));
    first += here;
  }
  return n;
}

size_t RowFilter::next_rows(size_t& first, size_t last, size_t room,
                            uint32_t* rows) const noexcept {
  size_t found = 0;
  while (found < room) {
    first = next_row(first, last);
    if (first == last) break;
    rows[found++] = static_cast<uint32_t>(first++);
  }
  return found;
}

}  // namespace bitindex
