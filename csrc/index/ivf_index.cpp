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
  return probes_for(0, false);
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

size_t IVFIndex::probes_for(size_t effort, bool by_floats) const noexcept {
  const size_t n_lists = groups_.n_groups();
  size_t n = effort > 0 ? effort : options_.n_probes;
  if (n == 0) n = by_floats ? n_learned_.floats : n_learned_.codes;
  if (n == 0) n = n_lists / 8 + 1;  // nothing could be learned yet
  return std::min(n, n_lists);
}

ListChoice IVFIndex::list_choice(const Scan& scan, const QueryBatch& queries) const {
  const std::shared_ptr<Score> score = queries.score(centroids_->store());
  return {scan, groups_, [this, score, &scan, n_queries = queries.n](size_t n) {
            return centroids_->rank(*score, n_queries, n, scan.n_threads, scan.cancel);
          }};
}

CandidateLists IVFIndex::find_nearest(const Scan& scan, const QueryBatch& queries, size_t k) const {
  const auto score = queries.score(scan.store);
  if (!has_lists() || k == 0) return scan_nearest(scan, *score, queries.n, k);
  // Embeddings are kept with a metric of bits, and only float queries need tables then.
  const bool by_floats = metric().integer_distances && score->bit_counts() == nullptr;
  const size_t n_probes = probes_for(queries.effort, by_floats);
  const ListChoice choice = list_choice(scan, queries);
  if (choice.is_tight(n_probes)) return scan_nearest(scan, *score, queries.n, k);
  const CandidateLists lists = choice.nearest(n_probes, k);
  return scan_groups_nearest(scan, *score, groups_, list_numbers(lists), k);
}

CandidateLists IVFIndex::find_within(const Scan& scan, const QueryBatch& queries,
                                     float radius) const {
  const auto score = queries.score(scan.store);
  const size_t n_probes = probes_for(queries.effort, false);
  if (!has_lists() || scan.filter.n_allowed() == 0)
    return scan_within(scan, *score, queries.n, radius);
  const ListChoice choice = list_choice(scan, queries);
  if (choice.is_tight(n_probes)) return scan_within(scan, *score, queries.n, radius);
  CandidateLists lists = choice.nearest(n_probes, 0);
  const auto is_too_far = [&](const Candidate& centroid) {
    return centroid.key() - radii_[centroid.row()] > radius;
  };
  // Of the distances only Hamming's is sure to obey the triangle inequality as it is rounded.
  if (metric().integer_distances)
    for (std::vector<Candidate>& list : lists)
      list.erase(std::remove_if(list.begin(), list.end(), is_too_far), list.end());
  return scan_groups_within(scan, *score, groups_, list_numbers(lists), radius);
}

void IVFIndex::rows_written(const NewRows& rows, const RowsWritten& written, Cancel& cancel) {
  const size_t n_replaced = written.replaced.size();
  for (RowChanges* since : {&since_lists_, &since_probes_})
    since->count(rows.n - n_replaced, n_replaced);
  if (has_lists()) place(written.replaced, cancel);
  if (wants_lists())
    make_lists(cancel);
  else
    put_in_order_if_loose();
  if (has_lists()) learn_probes(cancel);
}

void IVFIndex::rows_moved(const std::vector<uint32_t>& kept, Cancel& cancel) {
  ListIndex::rows_moved(kept, cancel);
  if (has_lists()) learn_probes(cancel);
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
