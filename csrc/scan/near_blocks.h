// Which blocks of ranked rows a query counts: those of the regions nearest to it.
#pragma once

#include <cstdint>
#include <vector>

#include "scan/ranked_rows.h"

namespace bitindex {

// For one query after the other, of rows that stand by regions.
class NearBlocks {
 public:
  NearBlocks(const RankedRows& rows, const KernelTable& kernels);

  // Chooses, for a query, the blocks of its nearest regions that hold at least n_rows rows
  // together, of as many at least. They ascend.
  const std::vector<uint32_t>& choose(const uint8_t* query, size_t n_rows);

 private:
  // In how many bits the farthest region differs that is looked at.
  uint32_t farthest(size_t n_rows);

  const RankedRows& rows_;
  const KernelTable& kernels_;
  std::vector<uint32_t> counts_;  // bits that regions differ in
  std::vector<uint32_t> n_at_;    // rows of regions that differ in so many bits
  std::vector<uint32_t> positions_;
  std::vector<uint32_t> blocks_;
};

}  // namespace bitindex
