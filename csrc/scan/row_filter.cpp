#include "scan/row_filter.h"

#include <bitset>

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace bitindex {
namespace {

int lowest_bit(uint64_t word) noexcept {
#if defined(_MSC_VER)
  unsigned long index;
  _BitScanForward64(&index, word);
  return static_cast<int>(index);
#else
  return __builtin_ctzll(word);
#endif
}

}  // namespace

RowFilter::RowFilter(const RowStore& store, const IdFilter& filter) {
  const size_t n_rows = store.n_rows();
  n_allowed_ = store.n_live();
  if (filter.kind == IdFilter::kAll && !store.has_removed_rows()) return;
  words_.assign(n_rows / 64 + 1, 0);

  const IdMap& ids = store.ids();
  const auto allow_where = [&](auto allowed) {
    for (size_t row = 0; row < n_rows; ++row)
      words_[row / 64] |= static_cast<uint64_t>(allowed(ids.id(row))) << (row % 64);
  };
  switch (filter.kind) {
    case IdFilter::kAll:
      allow_where([](int64_t) { return true; });
      break;
    case IdFilter::kMask:
      allow_where(
          [&](int64_t id) { return static_cast<uint64_t>(id) < filter.n && filter.mask[id] != 0; });
      break;
    case IdFilter::kList:
      for (size_t i = 0; i < filter.n; ++i) {
        const int64_t row = ids.find(filter.list[i]);
        if (row != IdMap::kNoRow) allow(static_cast<size_t>(row));
      }
      break;
    case IdFilter::kRange:
      allow_where([&](int64_t id) {
        return id >= filter.start && id < filter.stop &&
               (filter.step == 1 || (id - filter.start) % filter.step == 0);
      });
      break;
  }
  n_allowed_ = 0;
  for (size_t word = 0; word < words_.size(); ++word) {
    if (store.has_removed_rows() && word < store.removed().size())
      words_[word] &= ~store.removed()[word];
    n_allowed_ += std::bitset<64>(words_[word]).count();
  }
}

size_t RowFilter::next_rows(size_t& first, size_t last, size_t room,
                            uint32_t* rows) const noexcept {
  size_t found = 0;
  while (first < last && found < room) {
    uint64_t word = words_[first / 64] >> (first % 64);
    const size_t end = first / 64 * 64 + 64;
    while (word != 0 && found < room) {
      first += static_cast<size_t>(lowest_bit(word));
      if (first >= last) return found;
      rows[found++] = static_cast<uint32_t>(first++);
      word = first < end ? words_[first / 64] >> (first % 64) : 0;
    }
    if (word == 0 && first < end) first = end;
  }
  return found;
}

}  // namespace bitindex
