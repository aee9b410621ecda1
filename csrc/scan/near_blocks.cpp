#include "scan/near_blocks.h"

#include <algorithm>

namespace bitindex {
namespace {

constexpr size_t kAtOnce = 8;

}  // namespace

NearBlocks::NearBlocks(const RankedRows& rows, const KernelTable& kernels)
    : rows_(rows),
      kernels_(kernels),
      counts_(rows.regions().n_blocks() * kWordRows),
      n_at_(8 * rows.n_bytes() + 1),
      positions_(rows.n_regions() + 16) {}

const std::vector<uint32_t>& NearBlocks::choose(const uint8_t* query, size_t n_rows) {
  const WordBlocks& regions = rows_.regions();
  regions.count(kernels_, query, 0, regions.n_blocks(), counts_.data());
  const size_t n_chosen = kernels_.select_at_most(counts_.data(), rows_.n_regions(),
                                                  farthest(n_rows), positions_.data());
  blocks_.resize(rows_.n_blocks() + kAtOnce);
  size_t n = 0, next = 0;  // neighbours may share a block
  for (size_t i = 0; i < n_chosen; ++i) {
    const size_t first = std::max(next, rows_.first_block(positions_[i]));
    next = std::max(next, rows_.end_block(positions_[i]));
    // More than there may be: a loop that always goes as far is not guessed wrong.
    for (size_t block = first; block < next; block += kAtOnce)
      for (size_t j = 0; j < kAtOnce; ++j)
        blocks_[n + block - first + j] = static_cast<uint32_t>(block + j);
    n += next - first;
  }
  blocks_.resize(n);
  return blocks_;
}

uint32_t NearBlocks::farthest(size_t n_rows) {
  std::fill(n_at_.begin(), n_at_.end(), 0);
  for (size_t region = 0; region < rows_.n_regions(); ++region)
    n_at_[counts_[region]] += static_cast<uint32_t>(rows_.region_size(region));
  size_t bits = 0;
  for (size_t n = n_at_[0]; n < n_rows;) n += n_at_[++bits];
  return static_cast<uint32_t>(bits);
}

}  // namespace bitindex
