#include "scan/bit_ranker.h"

#include <algorithm>
#include <cmath>

namespace bitindex {
namespace {

constexpr size_t kTileBytes = size_t{16} << 10;
constexpr size_t kSampleShare = 8;
// So many rows more a query looks at for each that it wants (docs/decisions/ivf.md).
constexpr size_t kRowsPerWanted = 24;

}  // namespace

BitRanker::BitRanker(const RankedRows& rows, const KernelTable& kernels, const Score& score,
                     size_t k, size_t n_together)
    : rows_(rows),
      kernels_(kernels),
      score_(score),
      k_(k),
      n_near_(rows.n_near() + kRowsPerWanted * k),
      stride_(rows.n_blocks() * kWordRows),
      counts_(new uint32_t[n_together * stride_]),
      positions_(rows.n_rows() + 16),
      tally_(rows.n_bytes()) {
  if (rows.n_regions() > 0 && 2 * n_near_ < rows.n_rows()) near_blocks_.emplace(rows, kernels);
}

void BitRanker::count_all(size_t n_queries) {
  const size_t step = std::max<size_t>(1, kTileBytes / rows_.words().block_bytes());
  for (size_t block = 0; block < rows_.n_blocks(); block += step)
    for (size_t i = 0; i < n_queries; ++i)
      rows_.words().count(kernels_, query(i), block, std::min(step, rows_.n_blocks() - block),
                          counts_of(i) + block * kWordRows);
  n_counted_ = rows_.n_rows();
}

void BitRanker::count_near(size_t i) {
  blocks_ = &near_blocks_->choose(query(i), n_near_);
  rows_.words().count(kernels_, query(i), *blocks_, counts_of(i));
  const bool has_last = blocks_->back() + 1 == rows_.n_blocks();
  n_counted_ = blocks_->size() * kWordRows - (has_last ? stride_ - rows_.n_rows() : 0);
}

Candidate BitRanker::candidate(size_t i, size_t position) {
  const size_t place =
      near_blocks_ ? (*blocks_)[position / kWordRows] * kWordRows + position % kWordRows : position;
  const uint32_t row = rows_.row_at(place);
  return {score_.key(first_query_ + i, counts_of(i)[position], row), row};
}

Candidate BitRanker::nearest(size_t i) {
  if (rows_.n_regions() > 0) return k_nearest(i).front();
  return candidate(i, kernels_.first_least(counts_of(i), n_counted_));
}

std::vector<Candidate> BitRanker::near(size_t i) {
  size_t n = select(i, limit_guess(i));
  if (n < k_) n = select(i, tally_.bits_within(counts_of(i), n_counted_, k_));
  std::vector<Candidate> found;
  found.reserve(n);
  for (size_t j = 0; j < n; ++j) found.push_back(candidate(i, positions_[j]));
  return found;
}

std::vector<Candidate> BitRanker::k_nearest(size_t i) {
  std::vector<Candidate> found = near(i);
  const auto kth = found.begin() + static_cast<std::ptrdiff_t>(k_);
  std::nth_element(found.begin(), kth, found.end());
  found.erase(kth, found.end());
  std::sort(found.begin(), found.end());
  return found;
}

// Hardly ever too few bits for k rows, and seldom enough for many more. A tally of all rows would
// take long.
uint32_t BitRanker::limit_guess(size_t i) {
  if (k_ <= BitTally::kMostBoundRank) return tally_.bound(kernels_, counts_of(i), n_counted_, k_);
  const double share = static_cast<double>(k_) / kSampleShare;
  const auto rank = static_cast<size_t>(share + 3.0 * std::sqrt(share) + 2.0);
  return tally_.bits_within(counts_of(i), n_counted_, std::min(k_, rank), kSampleShare);
}

}  // namespace bitindex
