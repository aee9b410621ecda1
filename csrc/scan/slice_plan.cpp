#include "scan/slice_plan.h"

#include <algorithm>

namespace bitindex {
namespace {

// Of the counters of a program: those of bits that both pairs count, then one for a pair.
constexpr uint8_t kFirstShared = kStartCounter + 1;
constexpr uint8_t kPairCounter = kMaxCounters - 1;

size_t largest_kind(const std::vector<uint32_t>* kinds, size_t n) {
  return static_cast<size_t>(
      std::max_element(kinds, kinds + n,
                       [](const auto& a, const auto& b) { return a.size() < b.size(); }) -
      kinds);
}

void append(std::vector<uint32_t>& bits, const std::vector<uint32_t>& more) {
  bits.insert(bits.end(), more.begin(), more.end());
}

}  // namespace

// Bits are of 2^n_queries kinds, by the queries that have them: bit i of a kind stands for query i.
SliceGroup::SliceGroup(const KernelTable& kernels, const BitCounts& counts, size_t first,
                       size_t n_queries)
    : common_(counts.common),
      n_queries_(n_queries),
      slice_bytes_(kernels.slice_rows / 8),
      zero_slice_(static_cast<uint32_t>(8 * counts.n_bytes + kZeroSlice)) {
  Bits kinds[16];
  for (uint32_t bit = 0; bit < 8 * counts.n_bytes; ++bit) {
    size_t kind = 0;
    for (size_t i = 0; i < n_queries; ++i)
      kind |= (counts.query(first + i)[bit / 8] >> (bit % 8) & size_t{1}) << i;
    kinds[kind].push_back(bit);
  }
  for (size_t i = 0; i < n_queries; ++i) {
    uint32_t popcount;
    kernels.popcount_rows(counts.query(first + i), 1, counts.n_bytes, &popcount);
    popcounts_[i] = static_cast<int32_t>(popcount);
  }
  plan_pairs(kinds);
  if (n_queries <= 2) return;
  SliceGroup together = *this;
  together.steps_.clear();
  together.offsets_.clear();
  together.plan_together(kinds);
  if (together.cost() < cost()) *this = std::move(together);
}

// For bits that differ, each query may choose the bits that it has or those that it lacks. Chosen
// bits are counted once for all that choose them, so the most frequent kind is made the one that
// nobody chooses.
void SliceGroup::choose(size_t neither, size_t first, size_t n) {
  for (size_t i = 0; i < n; ++i) inverted_[first + i] = (neither >> i & 1) != 0;
}

// Each pair for itself.
void SliceGroup::plan_pairs(Bits (&kinds)[16]) {
  for (size_t first = 0; first < n_queries_; first += 2) {
    const size_t n = std::min<size_t>(2, n_queries_ - first);
    Bits of_pair[4];
    for (size_t kind = 0; kind < 16; ++kind) append(of_pair[kind >> first & 3], kinds[kind]);
    const size_t neither = common_ ? 0 : largest_kind(of_pair, size_t{1} << n);
    choose(neither, first, n);
    const Bits* own[4];
    for (size_t kind = 0; kind < 4; ++kind) own[kind] = &of_pair[kind ^ neither];
    const Bits no_plus[4];
    add_pair(first, n, own, no_plus);
  }
}

// Bits that both pairs choose are counted first, by kind, and each count is added where it belongs.
void SliceGroup::plan_together(Bits (&kinds)[16]) {
  const size_t n_second = n_queries_ - 2;
  const size_t neither = common_ ? 0 : largest_kind(kinds, size_t{1} << n_queries_);
  choose(neither, 0, n_queries_);
  Bits plus_of_first[4], plus_of_second[4];
  for (uint8_t a = 1; a < 4; ++a)
    for (uint8_t b = 1; b < size_t{1} << n_second; ++b) {
      const Bits& bits = kinds[(a | b << 2) ^ neither];
      if (bits.empty()) continue;
      const uint8_t counter = static_cast<uint8_t>(kFirstShared + 3 * (a - 1) + (b - 1));
      SliceStep step = {};
      step.from = kZeroCounter;
      step.to = counter;
      add_step(step, bits, {});
      plus_of_first[a].push_back(counter);
      plus_of_second[b].push_back(counter);
    }
  const Bits *first[4], *second[4];
  for (size_t kind = 0; kind < 4; ++kind) {
    first[kind] = &kinds[kind ^ neither];
    second[kind] = &kinds[kind << 2 ^ neither];
  }
  add_pair(0, 2, first, plus_of_first);
  add_pair(2, n_second, second, plus_of_second);
}

// own[kind] are the bits of a kind of the pair, plus[kind] counters to add to them.
void SliceGroup::add_pair(size_t first, size_t n, const Bits* const* own, const Bits* plus) {
  SliceStep step = {};
  step.from = common_ ? kZeroCounter : kStartCounter;
  if (n == 2 && !(own[3]->empty() && plus[3].empty())) {
    step.to = kPairCounter;
    add_step(step, *own[3], plus[3]);
    step.from = kPairCounter;
  }
  step.is_total = true;
  for (size_t i = 0; i < n; ++i) {
    step.to = static_cast<uint8_t>(first + i);
    add_step(step, *own[i + 1], plus[i + 1]);
  }
}

void SliceGroup::add_step(SliceStep step, const Bits& bits, const Bits& plus) {
  step.n_slices = static_cast<uint32_t>((bits.size() + 3) / 4 * 4);
  for (const uint32_t counter : plus) step.plus[step.n_plus++] = static_cast<uint8_t>(counter);
  steps_.push_back(step);
  const auto offset = [this](uint32_t slice) {
    return slice * static_cast<uint32_t>(slice_bytes_);
  };
  std::transform(bits.begin(), bits.end(), std::back_inserter(offsets_), offset);
  offsets_.resize(offsets_.size() + step.n_slices - bits.size(), offset(zero_slice_));
}

// In slices: to add a counter takes about as long as to add so many of them.
size_t SliceGroup::cost() const noexcept {
  constexpr size_t kSlicesOfCounter = 12;
  size_t n = offsets_.size();
  for (const SliceStep& step : steps_) n += kSlicesOfCounter * step.n_plus;
  return n;
}

// With v = 2c - popcount(row), c the chosen bits that a row has: the bits that differ are
// popcount(query) - v, or popcount(query) + v where the query chose the bits that it lacks.
SliceTest SliceGroup::test(size_t i, int32_t sum_bound) const noexcept {
  if (common_) return {false, false, sum_bound};
  if (inverted_[i]) return {true, true, sum_bound - popcounts_[i] + 1};
  return {true, false, popcounts_[i] - sum_bound};
}

}  // namespace bitindex
