#include "scan/tile.h"

#include <algorithm>
#include <limits>

namespace bitindex {
namespace {

// The blocks of a tile, a query's table or bit list and the sums share a first-level cache of 32
// KiB.
constexpr size_t kTileBytes = size_t{24} << 10;
constexpr size_t kMinTileRows = 64;
constexpr size_t kMaxTileRows = 1024;
constexpr size_t kFoldedRows = 2048;
// One query looks at all rows where at least this share of them is allowed: to gather a row costs
// as much as to count some, or the folds of many. Many queries share the gathered rows.
constexpr size_t kShareOfRows = 8;
constexpr size_t kShareOfFolds = 64;
constexpr size_t kFewQueries = 2;
constexpr size_t kPassingRows = 32;  // that are counted again together
// table_sums works on some blocks at a time; fewer cost it more per block.
constexpr size_t kBlocksAtOnce = 3;

size_t rows_of_blocks(size_t block_bytes, size_t block_rows, size_t blocks_at_once) {
  size_t n_blocks = kTileBytes / block_bytes;
  if (n_blocks > blocks_at_once) n_blocks -= n_blocks % blocks_at_once;
  return std::max(block_rows, std::min(n_blocks * block_rows, kMaxTileRows));
}

}  // namespace

Tile::Tile(const Scan& scan, const QueryPlan& plan)
    : scan_(scan),
      plan_(plan),
      score_(plan.score()),
      n_bytes_(scan.store.column(0).width()),
      block_rows_(1),
      capacity_(std::clamp(kTileBytes / n_bytes_, kMinTileRows, kMaxTileRows)),
      min_sliced_rows_(std::numeric_limits<size_t>::max()),
      words_(n_bytes_),
      has_tally_(plan.ranks_by_bits()),
      tally_(has_tally_ ? n_bytes_ : 0) {
  size_t block_bytes = 0;
  if (plan.method() == Method::kTables) {
    block_rows_ = scan.kernels.block_rows;
    block_bytes = 2 * n_bytes_ * block_rows_;
    capacity_ = rows_of_blocks(block_bytes, block_rows_, kBlocksAtOnce);
    passed_.resize(capacity_ / block_rows_);
  } else if (plan.method() == Method::kSlices) {
    block_rows_ = scan.kernels.slice_rows;
    block_bytes = (8 * n_bytes_ + kExtraSlices) * block_rows_ / 8;
    capacity_ = rows_of_blocks(block_bytes, block_rows_, 1);
    passing_codes_.resize(kPassingRows * n_bytes_);
    min_sliced_rows_ = block_rows_ / 8;  // a block costs as much with one row as with all
  } else {
    capacity_ = std::min(scan.folded == nullptr ? capacity_ : kFoldedRows, scan.rows.size());
    if (scan.folded != nullptr) {
      passing_codes_.resize(kPassingRows * n_bytes_);
      folds_.emplace(scan.kernels, *scan.folded,
                     score_.bit_counts()->query(plan.number_in_score(0)), n_bytes_, capacity_);
    }
  }
  if (block_bytes > 0) blocks_ = make_aligned(capacity_ / block_rows_ * block_bytes);
  sums_.resize(capacity_ + kWordRows);
  const size_t n_together = plan.method() == Method::kSlices ? SliceGroup::kMaxQueries : 1;
  for (size_t i = 0; i < n_together; ++i) positions_[i].resize(capacity_ + 16);
  if (!scan.filter.allows_all()) make_room_to_gather();
}

void Tile::make_room_to_gather() {
  if (!listed_.empty()) return;
  listed_.resize(capacity_);
  gathered_codes_.resize(capacity_ * n_bytes_);
  if (score_.scales() != nullptr) gathered_scales_.resize(capacity_);
  if (score_.offsets() != nullptr) gathered_offsets_.resize(capacity_);
}

bool Tile::load(size_t& first, size_t last) {
  if (!scan_.filter.allows_all()) first = scan_.filter.next_row(first, last);
  n_ = std::min(capacity_, last - first);
  is_listed_ = !scan_.filter.allows_all() &&
               scan_.filter.count(first, first + n_) * min_allowed_share() < n_;
  if (is_listed_) {
    n_ = scan_.filter.next_rows(first, last, capacity_, listed_.data());
    gather(listed_.data());
  } else {
    first_row_ = first;
    codes_ = scan_.store.column(0).row(first);
    scales_ = score_.scales() == nullptr ? nullptr : score_.scales() + first;
    offsets_ = score_.offsets() == nullptr ? nullptr : score_.offsets() + first;
    first += n_;
  }
  if (n_ > 0) begin_rows();
  return n_ > 0;
}

bool Tile::load_listed(const uint32_t*& next, const uint32_t* end) {
  make_room_to_gather();
  is_listed_ = true;
  for (n_ = 0; n_ < capacity_ && next != end; ++next)
    if (scan_.filter.allows_all() || scan_.filter.allows(*next)) listed_[n_++] = *next;
  gather(listed_.data());
  if (n_ > 0) begin_rows();
  return n_ > 0;
}

void Tile::gather(const uint32_t* rows) {
  copy_rows(scan_.store.column(0).data(), n_bytes_, rows, n_, gathered_codes_.data());
  for (size_t i = 0; i < gathered_scales_.size() && i < n_; ++i)
    gathered_scales_[i] = score_.scales()[rows[i]];
  for (size_t i = 0; i < gathered_offsets_.size() && i < n_; ++i)
    gathered_offsets_[i] = score_.offsets()[rows[i]];
  codes_ = gathered_codes_.data();
  scales_ = gathered_scales_.empty() ? nullptr : gathered_scales_.data();
  offsets_ = gathered_offsets_.empty() ? nullptr : gathered_offsets_.data();
}

void Tile::begin_rows() {
  words_.clear();
  is_prepared_ = false;
  if (scan_.by_size != nullptr) {
    sizes_ = scan_.by_size->sizes(row_at(0), row_at(n_ - 1) + 1, sizes_.least);
    first_id_ = kAnyId;
  }
}

void Tile::prepare() {
  is_prepared_ = true;
  if (plan_.method() != Method::kRows && score_.bounds_sums() && offsets_ != nullptr)
    least_offset_ = *std::min_element(offsets_, offsets_ + n_);
  if (plan_.method() == Method::kTables)
    scan_.kernels.transpose_rows(codes_, n_, n_bytes_, blocks_.get());
  else if (n_ >= min_sliced_rows_)
    scan_.kernels.slice_bits(codes_, n_, n_bytes_, blocks_.get());
}

int64_t Tile::first_id() {
  if (first_id_ == kAnyId)
    first_id_ = scan_.by_size->first_id(scan_.store.ids(), row_at(0), sizes_);
  return first_id_;
}

size_t Tile::min_allowed_share() const noexcept {
  if (plan_.n_queries() > kFewQueries) return 1;
  return folds_ && !folds_->rests() ? kShareOfFolds : kShareOfRows;
}

void Tile::sum_rows(size_t q, float limit) {
  const size_t query = plan_.number_in_score(q);
  if (words_.n_rows() > 0)
    return words_.count(scan_.kernels, score_.bit_counts()->query(query), 0, words_.n_blocks(),
                        sums_.data());
  if (plan_.method() != Method::kTables) return count_bits(query, codes_, n_, sums_.data());
  const int32_t bound = score_.bounds_sums() ? score_.sum_bound(query, limit, least_offset_) : 0;
  scan_.kernels.table_sums(blocks_.get(), (n_ + block_rows_ - 1) / block_rows_, n_bytes_,
                           plan_.table(q), score_.largest_sums(),
                           static_cast<uint32_t>(std::max(bound, 0)), sums_.data(), passed_.data());
}

float Tile::limit_of_sums(size_t query, size_t wanted) {
  const bool all_allowed = is_listed_ || scan_.filter.allows_all();
  if (!has_tally_ || !all_allowed || wanted == 0 || wanted > n_)
    return std::numeric_limits<float>::infinity();
  const uint32_t bits = tally_.bound(scan_.kernels, sums_.data(), n_, wanted);
  return score_.key(query, bits, row_at(0));
}

size_t Tile::select(size_t query, float limit, size_t first, size_t n) {
  const uint32_t* const sums = sums_.data() + first;
  uint32_t* const positions = positions_[0].data();
  if (has_tally_) {
    const int32_t most = score_.sum_bound(query, limit, 0.0f);
    if (most < 0) return 0;
    return scan_.kernels.select_at_most(sums, n, static_cast<uint32_t>(most), positions);
  }
  RowTest test = score_.row_test(query, limit);
  test.scale = scales_ == nullptr ? nullptr : scales_ + first;
  test.offset = offsets_ == nullptr ? nullptr : offsets_ + first;
  return scan_.kernels.select_rows(sums, n, test, positions);
}

size_t Tile::next_passed(size_t& first) const {
  if (plan_.method() != Method::kTables) return n_ - first;
  const size_t n_blocks = (n_ + block_rows_ - 1) / block_rows_;
  const uint8_t* const end = passed_.data() + n_blocks;
  const uint8_t* const block = passed_.data() + first / block_rows_;
  const uint8_t* const next = std::find_if(block, end, [](uint8_t p) { return p != 0; });
  if (next == end) return 0;
  if (next != block) first = static_cast<size_t>(next - passed_.data()) * block_rows_;
  const auto n_passed = static_cast<size_t>(std::find(next, end, 0) - passed_.data());
  return std::min(n_, n_passed * block_rows_) - first;
}

void Tile::sum_listed_rows(size_t query, const uint32_t* positions, size_t n) {
  for (size_t first = 0; first < n; first += kPassingRows) {
    const size_t here = std::min(kPassingRows, n - first);
    copy_rows(codes_, n_bytes_, positions + first, here, passing_codes_.data());
    count_bits(query, passing_codes_.data(), here, sums_.data() + first);
  }
}

void Tile::count_bits(size_t query, const uint8_t* codes, size_t n, uint32_t* counts) const {
  const BitCounts& bits = *score_.bit_counts();
  const auto count = bits.common ? scan_.kernels.and_count_rows : scan_.kernels.xor_count_rows;
  count(bits.query(query), codes, n, n_bytes_, counts);
}

}  // namespace bitindex
