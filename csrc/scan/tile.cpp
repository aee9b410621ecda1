#include "scan/tile.h"

#include <cstring>

namespace bitindex {
namespace {

// The transposed rows of a tile, one table and its sums share a first-level cache of 32 KiB.
constexpr size_t kTileBytes = size_t{24} << 10;
constexpr size_t kMaxTileRows = 1024;
// table_sums works on four blocks at a time; fewer cost it more per block.
constexpr size_t kBlocksAtOnce = 4;

size_t tile_rows(size_t n_bytes, size_t block_rows) {
  size_t n_blocks = kTileBytes / (2 * n_bytes * block_rows);
  if (n_blocks > kBlocksAtOnce) n_blocks -= n_blocks % kBlocksAtOnce;
  return std::clamp(n_blocks * block_rows, block_rows, kMaxTileRows);
}

}  // namespace

QueryTables::QueryTables(const Scan& scan, const Score& score, size_t first_query, size_t n_queries)
    : score_(score), first_query_(first_query), table_bytes_(32 * scan.store.column(0).width()) {
  // One query alone reads each row once: transposing it first would cost more than it saves.
  uint32_t unused;
  if (n_queries == 1 && score.row_sums(scan.kernels, first_query, nullptr, 0, &unused)) return;
  tables_ = make_aligned(n_queries * table_bytes_);
  constexpr size_t kQueriesPerTask = 64;
  run_tasks((n_queries + kQueriesPerTask - 1) / kQueriesPerTask, scan.n_threads, scan.cancel,
            [&](size_t task) {
              const size_t last = std::min(n_queries, (task + 1) * kQueriesPerTask);
              for (size_t q = task * kQueriesPerTask; q < last; ++q)
                score.write_table(first_query + q, tables_.get() + q * table_bytes_);
            });
}

Tile::Tile(const Scan& scan, const Score& score, bool transposed)
    : scan_(scan),
      score_(score),
      n_bytes_(scan.store.column(0).width()),
      transposed_(transposed),
      capacity_(transposed ? tile_rows(n_bytes_, scan.kernels.block_rows) : kMaxTileRows),
      sums_(capacity_),
      positions_(capacity_ + 16) {
  if (transposed_) blocks_ = make_aligned(2 * n_bytes_ * capacity_);
  if (scan.filter.allows_all()) return;
  listed_.resize(capacity_);
  gathered_codes_.resize(capacity_ * n_bytes_);
  if (score.scales() != nullptr) gathered_scales_.resize(capacity_);
  if (score.offsets() != nullptr) gathered_offsets_.resize(capacity_);
}

bool Tile::load(size_t& first, size_t last) {
  if (scan_.filter.allows_all()) {
    n_ = std::min(capacity_, last - first);
    first_row_ = first;
    codes_ = scan_.store.column(0).row(first);
    scales_ = score_.scales() == nullptr ? nullptr : score_.scales() + first;
    offsets_ = score_.offsets() == nullptr ? nullptr : score_.offsets() + first;
    first += n_;
  } else {
    n_ = scan_.filter.next_rows(first, last, capacity_, listed_.data());
    gather(listed_.data());
  }
  if (n_ > 0 && transposed_) scan_.kernels.transpose_rows(codes_, n_, n_bytes_, blocks_.get());
  return n_ > 0;
}

void Tile::gather(const uint32_t* rows) {
  for (size_t i = 0; i < n_; ++i)
    std::memcpy(gathered_codes_.data() + i * n_bytes_, scan_.store.column(0).row(rows[i]),
                n_bytes_);
  for (size_t i = 0; i < gathered_scales_.size() && i < n_; ++i)
    gathered_scales_[i] = score_.scales()[rows[i]];
  for (size_t i = 0; i < gathered_offsets_.size() && i < n_; ++i)
    gathered_offsets_[i] = score_.offsets()[rows[i]];
  codes_ = gathered_codes_.data();
  scales_ = gathered_scales_.empty() ? nullptr : gathered_scales_.data();
  offsets_ = gathered_offsets_.empty() ? nullptr : gathered_offsets_.data();
}

}  // namespace bitindex
