// The rows that differ from a query in the fewest bits, of rows that are counted for it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "scan/bit_tally.h"
#include "scan/candidate.h"
#include "scan/near_blocks.h"

namespace bitindex {

class BitRanker {
 public:
  // Of the k nearest, 1 to n; for at most n_together queries at a time.
  BitRanker(const RankedRows& rows, const KernelTable& kernels, const Score& score, size_t k,
            size_t n_together);

  // Counts rows for n queries from `first` on and calls use(i) for the i-th of them, which may then
  // ask for rows.
  template <class Use>
  void count(size_t first, size_t n, const Use& use) {
    first_query_ = first;
    if (!near_blocks_) count_all(n);
    for (size_t i = 0; i < n; ++i) {
      if (near_blocks_) count_near(i);
      use(i);
    }
  }
  Candidate nearest(size_t i);
  // The k nearest rows and few others, in no order.
  std::vector<Candidate> near(size_t i);
  // The k nearest rows, nearest first.
  std::vector<Candidate> k_nearest(size_t i);

 private:
  const uint8_t* query(size_t i) const noexcept {
    return score_.bit_counts()->query(first_query_ + i);
  }
  uint32_t* counts_of(size_t i) noexcept { return counts_.get() + i * stride_; }
  void count_all(size_t n_queries);
  void count_near(size_t i);
  Candidate candidate(size_t i, size_t position);
  uint32_t limit_guess(size_t i);
  // Puts positions of counts that keep to so many bits into positions_; returns how many.
  size_t select(size_t i, uint32_t bits) noexcept {
    return kernels_.select_at_most(counts_of(i), n_counted_, bits, positions_.data());
  }

  const RankedRows& rows_;
  const KernelTable& kernels_;
  const Score& score_;
  size_t k_;
  size_t n_near_;                                  // rows that a query counts at least
  std::optional<NearBlocks> near_blocks_;          // none where it counts all
  const std::vector<uint32_t>* blocks_ = nullptr;  // that were counted last, of these
  size_t first_query_ = 0;
  size_t n_counted_ = 0;
  size_t stride_;
  std::unique_ptr<uint32_t[]> counts_;  // not set to zero, which would take a tenth of the time
  std::vector<uint32_t> positions_;
  BitTally tally_;
};

}  // namespace bitindex
