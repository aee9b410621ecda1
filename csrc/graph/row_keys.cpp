#include "graph/row_keys.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace bitindex {
namespace {

// Of longer codes the CPU reads ahead by itself.
constexpr size_t kMaxPrefetched = 512;

// A constant length lets the compiler copy without a call.
void gather(const Column& codes, const uint32_t* rows, size_t n, uint8_t* to) {
  const size_t width = codes.width();
  if (width == 32)
    for (size_t i = 0; i < n; ++i) std::memcpy(to + 32 * i, codes.row(rows[i]), 32);
  else if (width == 64)
    for (size_t i = 0; i < n; ++i) std::memcpy(to + 64 * i, codes.row(rows[i]), 64);
  else
    for (size_t i = 0; i < n; ++i) std::memcpy(to + width * i, codes.row(rows[i]), width);
}

}  // namespace

RowKeys::RowKeys(const KernelTable& kernels, const RowStore& store, const Score& score)
    : kernels_(kernels),
      store_(store),
      codes_(store.column(0)),
      score_(score),
      bits_(score.bit_counts()),
      n_prefetched_(std::min(codes_.width(), kMaxPrefetched)),
      gathered_(make_aligned(kTogether * codes_.width())),
      sums_(kTogether + kernels.block_rows) {
  if (bits_ != nullptr) return;
  const size_t n_blocks = (kTogether + kernels.block_rows - 1) / kernels.block_rows;
  table_ = make_aligned(32 * codes_.width());
  blocks_ = make_aligned(2 * codes_.width() * n_blocks * kernels.block_rows);
  passed_.resize(n_blocks);
}

void RowKeys::set_query(size_t q) {
  query_ = q;
  if (bits_ == nullptr) score_.write_table(q, table_.get());
}

void RowKeys::sum(const uint32_t* rows, size_t n, int32_t bound) {
  const size_t n_bytes = codes_.width();
  gather(codes_, rows, n, gathered_.get());
  if (bits_ != nullptr) {
    const auto count = bits_->common ? kernels_.and_count_rows : kernels_.xor_count_rows;
    return count(bits_->query(query_), gathered_.get(), n, n_bytes, sums_.data());
  }
  const size_t block_rows = kernels_.block_rows;
  const size_t n_blocks = (n + block_rows - 1) / block_rows;
  kernels_.transpose_rows(gathered_.get(), n, n_bytes, blocks_.get());
  kernels_.table_sums(blocks_.get(), n_blocks, n_bytes, table_.get(), score_.largest_sums(),
                      static_cast<uint32_t>(std::max(bound, 0)), sums_.data(), passed_.data());
  for (size_t b = 0; b < n_blocks; ++b)
    if (passed_[b] == 0) std::fill_n(sums_.begin() + b * block_rows, block_rows, 0u);
}

void RowKeys::within(const uint32_t* rows, const uint32_t* numbers, size_t n, float limit,
                     std::vector<Candidate>& candidates) {
  const bool bounded = score_.bounds_sums();
  const int32_t bound = bounded ? score_.sum_bound(query_, limit, 0.0f) : 0;
  const bool is_most = bits_ != nullptr && !bits_->common;
  for (size_t first = 0; first < n; first += kTogether) {
    const size_t here = std::min(kTogether, n - first);
    sum(rows + first, here, bound);
    for (size_t i = 0; i < here; ++i) {
      const auto s = static_cast<int32_t>(sums_[i]);
      if (bounded && (is_most ? s > bound : s < bound)) continue;
      candidates.emplace_back(score_.key(query_, sums_[i], rows[first + i]), numbers[first + i]);
    }
  }
}

float RowKeys::key(uint32_t row) {
  sum(&row, 1, 0);
  return score_.key(query_, sums_[0], row);
}

}  // namespace bitindex
