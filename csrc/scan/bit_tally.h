// How many rows differ from a query in how many bits, and so how near the k-th nearest one is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "scan/word_blocks.h"
#include "tables/score.h"

namespace bitindex {

// Whether a row is nearer than another exactly where fewer of its bits differ, in codes that are
// short enough for a tally.
inline bool ranks_by_tally(const Score& score, size_t n_bytes) {
  const BitCounts* bits = score.bit_counts();
  return bits != nullptr && !bits->common && score.scales() == nullptr &&
         score.offsets() == nullptr && n_bytes <= WordBlocks::kMostBytes;
}

class BitTally {
 public:
  // The bound of more ranks has many more within it, and a tally tells of fewer ones later.
  static constexpr size_t kMostBoundRank = kBoundLanes * 3 / 4;

  explicit BitTally(size_t n_bytes) : n_at_(8 * n_bytes + 1) {}

  // A number of bits that `rank` of the counts keep to, and few others, of at least `rank`.
  uint32_t bound(const KernelTable& kernels, const uint32_t* counts, size_t n_rows, size_t rank) {
    if (rank > kMostBoundRank) return bits_within(counts, n_rows, rank);
    return kernels.rank_bound(counts, n_rows, rank, static_cast<uint32_t>(n_at_.size() - 1));
  }

  // The least number of bits that `rank` of the counts keep to, among those of every so many rows;
  // the largest number there is where they are fewer.
  uint32_t bits_within(const uint32_t* counts, size_t n_rows, size_t rank, size_t every = 1) {
    n_at_.assign(n_at_.size(), 0);
    for (size_t i = 0; i < n_rows; i += every) ++n_at_[counts[i]];
    size_t bits = 0;
    for (size_t n = n_at_[0]; n < rank && bits + 1 < n_at_.size();) n += n_at_[++bits];
    return static_cast<uint32_t>(bits);
  }

 private:
  std::vector<uint32_t> n_at_;  // rows by the number of their bits that differ
};

}  // namespace bitindex
