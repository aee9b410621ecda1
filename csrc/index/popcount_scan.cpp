#include "index/popcount_scan.h"

#include <algorithm>
#include <limits>

#include "scan/query_plan.h"

namespace bitindex {
namespace {

// Of so many rows several queries begin with those of their own popcount: larger ones would take
// long.
constexpr size_t kManyRows = size_t{1} << 16;

std::optional<RowFilter> misplaced_rows(const RowsBySize& rows, const Scan& scan) {
  const RowGroups& groups = rows.groups();
  const size_t n_ordered = groups.n_ordered();
  if (groups.n_loose() == groups.n_known() - n_ordered) return std::nullopt;
  std::vector<uint32_t> misplaced;
  for (size_t group = 0; group < groups.n_groups(); ++group)
    for (const uint32_t row : groups.loose(group))
      if (row < n_ordered) misplaced.push_back(row);
  return scan.filter.only(misplaced, scan.store.n_rows());
}

// Whether so few queries look at rows so quickly that they spare no time to pass over some.
bool are_few(size_t n_queries, size_t n_bytes) {
  return n_queries < QueryPlan::min_sliced(n_bytes);
}

// Queries by their numbers, in the order of their popcounts.
std::vector<size_t> order_by_size(const OverlapScore& score, size_t n_queries) {
  std::vector<uint64_t> sizes_and_queries(n_queries);
  for (size_t q = 0; q < n_queries; ++q)
    sizes_and_queries[q] = uint64_t{score.query_size(q)} << 32 | q;
  std::sort(sizes_and_queries.begin(), sizes_and_queries.end());
  std::vector<size_t> order(n_queries);
  std::transform(sizes_and_queries.begin(), sizes_and_queries.end(), order.begin(),
                 [](uint64_t both) { return static_cast<uint32_t>(both); });
  return order;
}

}  // namespace

bool PopcountScan::is_too_small(const Scan& scan, size_t n_queries) noexcept {
  return n_queries == 0 ||
         (are_few(n_queries, scan.store.column(0).width()) && !has_many_rows(scan));
}

PopcountScan::PopcountScan(const Scan& scan, const RowsBySize& rows, const FoldedCodes* folds,
                           const OverlapScore& score, size_t n_queries, const MakeScore& make_score,
                           Patience& patience)
    : scan_(scan),
      rows_(rows),
      misplaced_(misplaced_rows(rows, scan)),
      score_(score),
      make_score_(make_score),
      patience_(patience),
      n_bytes_(score.bit_counts()->n_bytes),
      order_(order_by_size(score, n_queries)),
      limits_(n_queries, std::numeric_limits<float>::infinity()),
      seen_(n_queries, RowRange{0, 0}),
      lists_(n_queries) {
  if (folds != nullptr) folded_.emplace(FoldedRows{*folds, n_bytes_read_});
  if (n_queries == 1) return;
  codes_.reserve(n_queries * n_bytes_);
  for (const size_t q : order_) {
    const uint8_t* const code = score.bit_counts()->query(q);
    codes_.insert(codes_.end(), code, code + n_bytes_);
  }
}

void PopcountScan::with_queries(size_t first, size_t last,
                                const std::function<void(const Queries&)>& use) const {
  if (first == last) return;
  if (n_queries() == 1) return use(Queries{0, 1, score_});
  const auto score = make_score_(codes_.data() + first * n_bytes_, last - first);
  use(Queries{first, last - first, *score});
}

RowRange PopcountScan::rows_within(size_t place, float limit) const {
  return rows_.rows(score_.sizes_within(order_[place], limit));
}

RowRange PopcountScan::rows_within_any(size_t first, float limit) const {
  RowRange all = rows_within(first, limit);
  for (size_t place = first + 1; place < n_queries(); ++place) {
    if (all.size() == rows_.n_rows()) break;
    const RowRange rows = rows_within(place, limit);
    all = {std::min(all.first, rows.first), std::max(all.last, rows.last)};
  }
  return all;
}

RowRange PopcountScan::rows_of_same_size(size_t place) const {
  const size_t size = score_.query_size(order_[place]);
  return rows_.rows({size, size});
}

float PopcountScan::limit_of(size_t place, size_t k) const {
  const std::vector<Candidate>& list = lists_[place];
  return list.size() < k ? limits_[place] : std::min(limits_[place], list.back().key());
}

void PopcountScan::find_nearest(const Queries& queries, const Scan& part, size_t k) {
  if (part.rows.size() == 0) return;
  std::vector<float> limits;
  for (size_t place = queries.first; place < queries.first + queries.n; ++place)
    limits.push_back(limit_of(place, k));
  merge(queries.first, scan_nearest(part, queries.score, queries.n, k, limits.data()), k);
}

void PopcountScan::find_within(const Queries& queries, const Scan& part, float radius) {
  if (part.rows.size() == 0) return;
  merge(queries.first, scan_within(part, queries.score, queries.n, radius), scan_.store.n_rows());
}

Scan PopcountScan::ordered_part(const Queries& queries, const RowRange& rows, bool plainly) {
  if (!folded_) n_bytes_read_ += rows.size() * n_bytes_;
  const FoldedRows* const folded = queries.n == 1 && folded_ ? &*folded_ : nullptr;
  const bool by_size = !plainly || folded != nullptr;
  return {scan_.store,
          scan_.kernels,
          scan_.filter,
          scan_.n_threads,
          scan_.cancel,
          rows,
          by_size ? &rows_ : nullptr,
          folded};
}

void PopcountScan::for_loose_parts(const std::function<void(const Scan&)>& look) const {
  Scan part = scan_;
  part.rows = {rows_.n_rows(), scan_.store.n_rows()};
  if (part.rows.size() > 0) look(part);
  if (misplaced_)
    look(Scan{scan_.store, scan_.kernels, *misplaced_, scan_.n_threads, scan_.cancel});
}

void PopcountScan::merge(size_t first, CandidateLists more, size_t k) {
  const NearerFirst nearer_first(scan_.store.ids());
  const auto same_row = [](const Candidate& a, const Candidate& b) { return a.row() == b.row(); };
  for (size_t i = 0; i < more.size(); ++i) {
    std::vector<Candidate>& list = lists_[first + i];
    if (list.empty()) {
      list = std::move(more[i]);
      continue;
    }
    if (more[i].empty()) continue;
    nearer_first.merge(list, more[i]);
    // A misplaced row may be seen where it stands too.
    if (misplaced_) list.erase(std::unique(list.begin(), list.end(), same_row), list.end());
    list.resize(std::min(k, list.size()));
  }
}

CandidateLists PopcountScan::within(float radius) {
  const size_t n_alone = within_alone(radius);
  with_queries(n_alone, n_queries(), [&](const Queries& queries) {
    for_loose_parts([&](const Scan& part) { find_within(queries, part, radius); });
    const RowRange rows = rows_within_any(n_alone, radius);
    find_within(queries, ordered_part(queries, rows, are_few(queries.n, n_bytes_)), radius);
  });
  return take();
}

CandidateLists PopcountScan::nearest(size_t k) {
  const size_t n_alone = nearest_alone(k);
  with_queries(n_alone, n_queries(), [&](const Queries& queries) {
    for_loose_parts([&](const Scan& part) { find_nearest(queries, part, k); });
    Scan part = ordered_part(queries, {0, rows_.n_rows()}, are_few(queries.n, n_bytes_));
    if (rows_.n_rows() >= kManyRows)
      part.start = rows_of_same_size(queries.first + queries.n / 2).first;
    find_nearest(queries, part, k);
  });
  return take();
}

CandidateLists PopcountScan::take() {
  CandidateLists lists(n_queries());
  for (size_t place = 0; place < n_queries(); ++place)
    lists[order_[place]] = std::move(lists_[place]);
  return lists;
}

}  // namespace bitindex
