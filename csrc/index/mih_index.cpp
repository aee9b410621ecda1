#include "index/mih_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "index/mih_search.h"
#include "scan/thread_pool.h"
#include "tables/hamming.h"

namespace bitindex {
namespace {

// Queries whose reads overlap, where there are enough for all threads.
constexpr size_t kQueriesTogether = 16;
// Rows that are in no table are looked at one by one. The tables are made anew when there are more
// than this, and more than a share of them.
constexpr size_t kMaxUntabledRows = 1024;
constexpr size_t kUntabledShare = 16;

const IndexLayout& checked(const IndexLayout& layout) {
  if (layout.metric != "hamming")
    throw std::invalid_argument("MIHIndex needs metric='hamming', got '" + layout.metric + "'");
  return layout;
}

// Some of the queries, back to back.
std::vector<uint8_t> copy_codes(const BitCounts& queries, const std::vector<size_t>& chosen) {
  std::vector<uint8_t> codes;
  codes.reserve(chosen.size() * queries.n_bytes);
  for (const size_t q : chosen)
    codes.insert(codes.end(), queries.query(q), queries.query(q) + queries.n_bytes);
  return codes;
}

// Looks up every query; writes the lists of those that it finished, and returns the others.
std::vector<size_t> look_up(const MihContext& context, const BitCounts& codes,
                            const MihQuery& fresh, CandidateLists& lists) {
  const Scan& scan = context.scan;
  const size_t n = lists.size();
  const size_t group = std::clamp<size_t>(n / scan.n_threads, 1, kQueriesTogether);
  std::vector<char> is_too_dear(n, 0);
  run_tasks((n + group - 1) / group, scan.n_threads, scan.cancel, [&](size_t task) {
    const size_t first = task * group;
    std::vector<MihQuery> queries(std::min(n - first, group), fresh);
    for (size_t i = 0; i < queries.size(); ++i) queries[i].code = codes.query(first + i);
    MihSearch(context, queries).run();
    for (size_t i = 0; i < queries.size(); ++i) {
      is_too_dear[first + i] = queries[i].state == MihQuery::kTooDear;
      if (!is_too_dear[first + i]) lists[first + i] = queries[i].found.take();
    }
  });
  std::vector<size_t> left;
  for (size_t q = 0; q < n; ++q)
    if (is_too_dear[q]) left.push_back(q);
  return left;
}

}  // namespace

MihIndex::MihIndex(const IndexLayout& layout, const MihOptions& options)
    : Index(checked(layout)), options_(options) {
  if (options.n_substrings > layout.n_bits)
    throw std::invalid_argument(
        "n_substrings must be at most n_bits=" + std::to_string(layout.n_bits) + ", got " +
        std::to_string(options.n_substrings));
}

CandidateLists MihIndex::find_nearest(const Scan& scan, const QueryBatch& queries, size_t k) const {
  if (k == 0) return CandidateLists(queries.n);
  return find(scan, queries, k, std::numeric_limits<float>::infinity(),
              [&](const Score& score, size_t n) { return scan_nearest(scan, score, n, k); });
}

CandidateLists MihIndex::find_within(const Scan& scan, const QueryBatch& queries,
                                     float radius) const {
  return find(scan, queries, scan.store.n_rows(), radius,
              [&](const Score& score, size_t n) { return scan_within(scan, score, n, radius); });
}

template <class UseScan>
CandidateLists MihIndex::find(const Scan& scan, const QueryBatch& batch, size_t k, float radius,
                              UseScan use_scan) const {
  const std::unique_ptr<Score> score = batch.score(scan.store);
  // Estimates of similarities, which are no distances of codes, are scanned for.
  if (tables_.n_rows() == 0 || dynamic_cast<const HammingScore*>(score.get()) == nullptr)
    return use_scan(*score, batch.n);

  const BitCounts& codes = *score->bit_counts();
  const ProbeCounts counts({tables_.n_substrings(), tables_.n_substring_bits()});
  const NearerFirst nearer_first(scan.store.ids());
  const double dear =
      options_.fall_back ? scan_cost(scan, batch.n) : std::numeric_limits<double>::infinity();
  const ProbeBudget budget(dear, tables_, std::isinf(radius));
  const auto limit = static_cast<uint32_t>(whole_bits(radius));
  const size_t n_first = std::min<size_t>(tables_.n_substrings(), size_t{limit} + 1);
  if (!ProbeBudget(budget).begin_round(static_cast<double>(n_first), counts.within(limit)))
    return use_scan(*score, batch.n);

  CandidateLists lists(batch.n);
  const MihQuery fresh = {nullptr, FoundRows(k, limit, nearer_first), budget};
  const std::vector<size_t> left = look_up({scan, tables_, counts, replaced_}, codes, fresh, lists);
  if (left.empty()) return lists;
  const std::vector<uint8_t> left_codes = copy_codes(codes, left);
  CandidateLists scanned = use_scan(HammingScore(left_codes.data(), codes.n_bytes), left.size());
  for (size_t i = 0; i < left.size(); ++i) lists[left[i]] = std::move(scanned[i]);
  return lists;
}

void MihIndex::rows_written(const NewRows&, const RowsWritten& rows, Cancel& cancel) {
  const size_t n_rows = store().n_rows();
  try {
    std::vector<uint32_t> replaced;
    for (const uint32_t row : rows.replaced)
      if (row < tables_.n_rows()) replaced.push_back(row);
    std::sort(replaced.begin(), replaced.end());
    std::vector<uint32_t> all;
    std::set_union(replaced.begin(), replaced.end(), replaced_.begin(), replaced_.end(),
                   std::back_inserter(all));
    replaced_ = std::move(all);
  } catch (...) {
    // Without tables every row is looked at.
    tables_ = {};
    replaced_.clear();
    throw;
  }
  const size_t n_untabled = n_rows - tables_.n_rows() + replaced_.size();
  if (n_untabled <= std::max(kMaxUntabledRows, n_rows / kUntabledShare)) return;
  const SubstringShape shape = substring_shape(layout().n_bits, n_rows, options_.n_substrings);
  tables_ = MihTables::build(kernels(), layout().codes(), store().column(kCodes), shape, cancel);
  replaced_.clear();
}

void MihIndex::rows_moved(const std::vector<uint32_t>& kept, Cancel&) {
  std::vector<uint32_t> replaced;
  try {
    for (const uint32_t row : replaced_) {
      const auto place = std::lower_bound(kept.begin(), kept.end(), row);
      if (place != kept.end() && *place == row)
        replaced.push_back(static_cast<uint32_t>(place - kept.begin()));
    }
    if (tables_.n_rows() > 0) tables_ = tables_.without_gaps(layout().codes(), kept);
    replaced_ = std::move(replaced);
  } catch (...) {
    tables_ = {};
    replaced_.clear();
    throw;
  }
}

size_t MihIndex::structure_bytes() const {
  return tables_.memory_bytes() + replaced_.capacity() * sizeof(uint32_t);
}

void MihIndex::restore_tables(const MihArrays& arrays, std::vector<uint32_t> replaced) {
  const auto lock = this->lock().write();
  if (arrays.n_rows > store().n_rows())
    throw std::invalid_argument("the tables hold more rows than there are");
  const bool ascends = std::adjacent_find(replaced.begin(), replaced.end(),
                                          std::greater_equal<uint32_t>()) == replaced.end();
  if (!ascends || (!replaced.empty() && replaced.back() >= arrays.n_rows))
    throw std::invalid_argument("replaced rows must ascend and be in the tables");
  tables_ = MihTables::restore(layout().codes(), arrays);
  replaced_ = std::move(replaced);
}

void MihIndex::check_structure(Cancel& cancel) const {
  std::vector<bool> is_replaced(tables_.n_rows());
  for (const uint32_t row : replaced_) is_replaced[row] = true;
  tables_.check_values(store().column(kCodes), is_replaced, cancel);
}

}  // namespace bitindex
