#include "index/flat_index.h"

#include <algorithm>

#include "index/popcount_scan.h"

namespace bitindex {
namespace {

// Rows are put in order again when so many are loose: a share of all, and some more.
constexpr size_t kLooseShare = 16;
constexpr size_t kMinLoose = 1024;
size_t many_loose(size_t n_rows) { return n_rows / kLooseShare + kMinLoose; }
// An order tells nothing where popcounts are equal up to this factor, but for a share of the rows
// at each end.
constexpr double kEqualSizes = 1.02;
constexpr size_t kShareOfOthers = 32;

}  // namespace

FlatIndex::FlatIndex(const IndexLayout& layout, bool by_popcount)
    : Index(layout), by_popcount_(by_popcount), folds_(layout.n_bytes()) {
  if (by_popcount && !metric().overlap)
    throw std::invalid_argument(
        "sort_by='popcount' needs metric='jaccard', 'dice' or 'cosine', got '" + layout.metric +
        "'");
}

const FoldedCodes* FlatIndex::folds(Cancel& cancel) const {
  return !folds_.levels().empty() && folds_.catch_up(store().column(kCodes), cancel) ? &folds_
                                                                                     : nullptr;
}

template <class UsePopcounts, class UseAll>
CandidateLists FlatIndex::find(const Scan& scan, const QueryBatch& queries, Patience& patience,
                               UsePopcounts use_popcounts, UseAll use_all) const {
  const auto score = queries.score(scan.store);
  const auto* const overlap = dynamic_cast<const OverlapScore*>(score.get());
  if (!groups_ || groups_->n_ordered() == 0 || overlap == nullptr ||
      PopcountScan::is_too_small(scan, queries.n))
    return use_all(*score);
  const PopcountScan::MakeScore make_score = [&](const uint8_t* codes, size_t n) {
    return metric().score(kernels(), layout().codes(), codes, n,
                          store().column(kRowTerms).floats());
  };
  const RowsBySize rows(*groups_, ids_ascend_);
  const FoldedCodes* const folded =
      PopcountScan::has_many_rows(scan) ? folds(scan.cancel) : nullptr;
  PopcountScan popcounts(scan, rows, folded, *overlap, queries.n, make_score, patience);
  return use_popcounts(popcounts);
}

CandidateLists FlatIndex::find_nearest(const Scan& scan, const QueryBatch& queries,
                                       size_t k) const {
  if (k == 0) return CandidateLists(queries.n);
  return find(
      scan, queries, patience_.nearest(queries.n, k),
      [&](PopcountScan& popcounts) { return popcounts.nearest(k); },
      [&](const Score& score) { return scan_nearest(scan, score, queries.n, k); });
}

CandidateLists FlatIndex::find_within(const Scan& scan, const QueryBatch& queries,
                                      float radius) const {
  return find(
      scan, queries, patience_.within(queries.n, radius),
      [&](PopcountScan& popcounts) { return popcounts.within(radius); },
      [&](const Score& score) { return scan_within(scan, score, queries.n, radius); });
}

uint32_t FlatIndex::group_of(size_t row) const {
  const double size = overlap_row_size(*metric().overlap, store().column(kRowTerms).floats()[row]);
  // A file may hold any number.
  const size_t most = layout().n_bits;
  return group_of_size(size >= 0.0 && size <= most ? static_cast<size_t>(size) : most, most);
}

void FlatIndex::rows_written(const NewRows&, const RowsWritten& written, Cancel&) {
  if (!by_popcount_) return;
  for (const uint32_t row : written.replaced) folds_.set(row, store().column(kCodes).row(row));
  try {
    if (!groups_) groups_.emplace(std::vector<size_t>(layout().n_bits + 2));
    place(written.replaced);
    put_in_order_if_loose();
  } catch (...) {
    // Without an order every row is looked at.
    groups_.reset();
    throw;
  }
}

void FlatIndex::place(const std::vector<uint32_t>& replaced) {
  const size_t first = groups_->n_known();
  for (const uint32_t row : replaced)
    if (row < first) groups_->move(row, group_of(row));
  for (size_t row = first; row < store().n_rows(); ++row) groups_->append(group_of(row));
}

void FlatIndex::put_in_order_if_loose() {
  const size_t n_rows = store().n_rows();
  if (groups_->n_loose() < many_loose(n_rows)) return;
  // Asked anew only where many rows have come since.
  if (n_equal_ > 0 && n_rows < n_equal_ + many_loose(n_equal_)) return;
  if (sizes_differ())
    put_in_order();
  else
    n_equal_ = n_rows;
}

bool FlatIndex::sizes_differ() const {
  const size_t n_rows = store().n_rows();
  const size_t n_out = n_rows / kShareOfOthers;
  size_t n = 0, n_before = 0, most = 0, least = 0;
  for (size_t group = 0; group < groups_->n_groups(); ++group, n_before = n) {
    n += groups_->count_rows(group, n_rows);
    const size_t size = layout().n_bits - group;
    if (n_before <= n_out && n > n_out) most = size;
    if (n_before < n_rows - n_out && n >= n_rows - n_out) least = size;
  }
  return static_cast<double>(most) > kEqualSizes * static_cast<double>(least);
}

void FlatIndex::put_in_order() {
  RowOrder order =
      groups_->order(store().n_rows(), [&](size_t row) { return store().is_live(row); });
  RowGroups ordered(std::move(order.starts));
  reorder_rows(order.rows);
  folds_.clear();
  groups_ = std::move(ordered);
  ids_ascend_ = ids_ascend();
}

bool FlatIndex::ids_ascend() const {
  const IdMap& ids = store().ids();
  if (ids.ascending()) return true;
  for (size_t group = 0; group < groups_->n_groups(); ++group)
    for (size_t row = groups_->starts()[group] + 1; row < groups_->starts()[group + 1]; ++row)
      if (ids.id(row) <= ids.id(row - 1)) return false;
  return true;
}

void FlatIndex::rows_moved(const std::vector<uint32_t>& kept, Cancel&) {
  folds_.clear();
  n_equal_ = 0;
  if (groups_) groups_->keep(kept);
}

void FlatIndex::compact(bool (*poll)()) {
  {
    const auto guard = lock().write();
    if (groups_ && groups_->n_loose() > 0 && sizes_differ()) put_in_order();
  }
  Index::compact(poll);
}

void FlatIndex::find_order() {
  const auto guard = lock().write();
  if (!by_popcount_) return;
  std::vector<size_t> starts(layout().n_bits + 2, 0);
  size_t row = 0;
  for (uint32_t last = 0; row < store().n_rows(); ++row) {
    const uint32_t group = group_of(row);
    if (group < last) break;
    last = group;
    ++starts[group + 1];
  }
  // A few rows may stand in order by chance.
  if (row < store().n_rows() / 2) std::fill(starts.begin(), starts.end(), size_t{0});
  for (size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
  groups_.emplace(std::move(starts));
  ids_ascend_ = ids_ascend();
}

size_t FlatIndex::structure_bytes() const {
  return (groups_ ? groups_->memory_bytes() : 0) + folds_.memory_bytes();
}

}  // namespace bitindex
