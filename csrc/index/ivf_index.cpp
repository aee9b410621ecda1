#include "index/ivf_index.h"

#include <algorithm>
#include <new>

#include "scan/group_scan.h"

namespace bitindex {
namespace {

constexpr size_t kMinRows = 10'000;  // fewer are scanned faster than lists are chosen
// Lists are made anew when so many times as many rows have been written as they were made for.
constexpr size_t kWritten = 3;

}  // namespace

IVFIndex::IVFIndex(const IndexLayout& layout, const IVFOptions& options)
    : ListIndex(layout), options_(options) {
  if (!(options.target_recall > 0.0 && options.target_recall <= 1.0))
    throw std::invalid_argument("target_recall must be above 0 and at most 1, got " +
                                std::to_string(options.target_recall));
  options_.weight_sizes.resize(layout.n_bits, 1.0f);
}

size_t IVFIndex::n_lists() const {
  const auto guard = lock().read();
  return groups_.n_groups();
}

size_t IVFIndex::n_probes() const {
  const auto guard = lock().read();
  return reach_of(0, false).n_mean;
}

size_t IVFIndex::structure_bytes() const {
  const size_t n_bytes = groups_.memory_bytes() + radii_.capacity() * sizeof(float);
  return centroids_ == nullptr ? n_bytes : n_bytes + centroids_->memory_bytes();
}

bool IVFIndex::wants_lists() const noexcept {
  const size_t n = store().n_live();
  if (has_lists())
    return !is_given_ && since_lists_.n_written() >= kWritten * since_lists_.n_learned();
  return n >= (options_.n_lists > 0 ? kMinRowsOfList * options_.n_lists : kMinRows);
}

Reach IVFIndex::reach_of(size_t effort, bool by_floats) const noexcept {
  const size_t n_lists = groups_.n_groups();
  const size_t n_given = effort > 0 ? effort : options_.n_probes;
  if (n_given > 0) return {std::min(n_given, n_lists)};
  const Reach& learned = by_floats ? learned_.floats : learned_.codes;
  if (learned.n_most == 0) return {std::min(n_lists / 8 + 1, n_lists)};  // nothing could be learned
  return {std::min(learned.n_most, n_lists), learned.margin, std::min(learned.n_mean, n_lists)};
}

ListChoice IVFIndex::list_choice(const Scan& scan, const QueryBatch& queries) const {
  const std::shared_ptr<Score> score = queries.score(centroids_->store());
  return {scan, groups_, [this, score, &scan, n_queries = queries.n](size_t n, float margin) {
            return centroids_->rank(*score, n_queries, n, margin, scan.n_threads, scan.cancel);
          }};
}

CandidateLists IVFIndex::find_nearest(const Scan& scan, const QueryBatch& queries, size_t k) const {
  const auto score = queries.score(scan.store);
  if (!has_lists() || k == 0) return scan_nearest(scan, *score, queries.n, k);
  // Embeddings are kept with a metric of bits, and only float queries need tables then.
  const bool by_floats = metric().integer_distances && score->bit_counts() == nullptr;
  const Reach reach = reach_of(queries.effort, by_floats);
  const ListChoice choice = list_choice(scan, queries);
  if (choice.is_tight(reach)) return scan_nearest(scan, *score, queries.n, k);
  const CandidateLists lists = choice.nearest(reach, k);
  return scan_groups_nearest(scan, *score, groups_, list_numbers(lists), k);
}

CandidateLists IVFIndex::find_within(const Scan& scan, const QueryBatch& queries,
                                     float radius) const {
  const auto score = queries.score(scan.store);
  const Reach reach = reach_of(queries.effort, false);
  if (!has_lists() || scan.filter.n_allowed() == 0)
    return scan_within(scan, *score, queries.n, radius);
  const ListChoice choice = list_choice(scan, queries);
  if (choice.is_tight(reach)) return scan_within(scan, *score, queries.n, radius);
  CandidateLists lists = choice.nearest(reach, 0);
  // Of the distances only Hamming's is sure to obey the triangle inequality as it is rounded.
  if (metric().integer_distances)
    for (size_t q = 0; q < lists.size(); ++q) {
      const auto is_too_far = [&](const Candidate& list) {
        const uint32_t bits = centroids_->distance(score->bit_counts()->query(q), list.row());
        return static_cast<float>(bits) - radii_[list.row()] > radius;
      };
      lists[q].erase(std::remove_if(lists[q].begin(), lists[q].end(), is_too_far), lists[q].end());
    }
  return scan_groups_within(scan, *score, groups_, list_numbers(lists), radius);
}

void IVFIndex::rows_written(const NewRows& rows, const RowsWritten& written, Cancel& cancel) {
  const size_t n_replaced = written.replaced.size();
  for (RowChanges* since : {&since_lists_, &since_learned_})
    since->count(rows.n - n_replaced, n_replaced);
  if (has_lists()) place(written.replaced, cancel);
  if (wants_lists())
    make_lists(cancel);
  else
    put_in_order_if_loose();
  if (has_lists()) learn_reach(cancel);
}

void IVFIndex::rows_moved(const std::vector<uint32_t>& kept, Cancel& cancel) {
  ListIndex::rows_moved(kept, cancel);
  if (has_lists()) learn_reach(cancel);
}

void IVFIndex::place(const std::vector<uint32_t>& replaced, Cancel& cancel) {
  try {
    place_again(replaced, cancel);
  } catch (const std::bad_alloc&) {
    // Some may be in lists that they no longer belong to. Without lists, every query finds them.
    groups_.forget_rows();
    throw;
  }
  const size_t first = groups_.n_known();
  const uint8_t* codes = store().column(kCodes).row(first);
  for (const uint32_t list : lists_of(codes, store().n_rows() - first, cancel))
    groups_.append(list);
}

void IVFIndex::place_again(const std::vector<uint32_t>& replaced, Cancel& cancel) {
  std::vector<uint32_t> known;
  for (const uint32_t row : replaced)
    if (row < groups_.n_known()) known.push_back(row);
  // Until their lists are known, they are found by every query.
  for (const uint32_t row : known) groups_.move(row, static_cast<uint32_t>(groups_.unplaced()));
  const std::vector<uint32_t> lists = lists_of(codes_of(known).data(), known.size(), cancel);
  for (size_t i = known.size(); i-- > 0;) groups_.move(known[i], lists[i]);  // the last one first
}

std::vector<uint32_t> IVFIndex::lists_of(const uint8_t* codes, size_t n, Cancel& cancel) {
  std::vector<uint32_t> lists;
  for (const Candidate& centroid : centroids_->nearest(codes, n, cancel)) {
    lists.push_back(centroid.row());
    radii_[centroid.row()] = std::max(radii_[centroid.row()], centroid.key());
  }
  return lists;
}

}  // namespace bitindex
