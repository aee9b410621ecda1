#include "index/centroids.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "codes/random.h"
#include "scan/bit_tally.h"
#include "scan/rank_rows.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr size_t kRounds = 20;
constexpr size_t kUnsureRounds = 16;
// So many more than are wanted, by their codes, hold nearly all of the nearest by means.
constexpr size_t kMoreByCodes = 16;
// Codes for each centroid from which rounds learn that are not the last ones.
constexpr size_t kUnsurePerCentroid = 32;
constexpr size_t kQueriesPerTask = 64;
constexpr double kMostDoubt = 0.8;
constexpr size_t kCodesAtOnce = size_t{1} << 16;  // results of a search take memory

std::vector<size_t> widths_without_vectors(const RowStore& rows) {
  std::vector<size_t> widths;
  for (size_t c = 0; c < rows.n_columns(); ++c) widths.push_back(rows.column(c).width());
  widths[kVectors] = 0;
  return widths;
}

// How far from one half the share of rows may lie that sets a bit, in a round. It shrinks, as in
// simulated annealing: a list of two clusters would soon be that of the larger one, and the rows of
// the other one would scatter over lists.
double doubt_in(size_t round) {
  if (round >= kUnsureRounds) return 0.0;
  return kMostDoubt * (1.0 - static_cast<double>(round) / static_cast<double>(kUnsureRounds));
}

// How often a bit must be set to be among the most frequent ones, as many as n codes have on
// average.
uint32_t least_frequent(std::vector<uint32_t> counts, size_t n) {
  const size_t size = std::accumulate(counts.begin(), counts.end(), size_t{0}) / n;
  const auto last = counts.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(size, 1) - 1);
  std::nth_element(counts.begin(), last, counts.end(), std::greater<>());
  return std::max(1u, *last);
}

}  // namespace

Centroids::Centroids(const Index& index, const KernelTable& kernels, const RowStore& rows)
    : Centroids(index.layout(), index.metric(), kernels, widths_without_vectors(rows)) {
  uses_means_ = metric_.integer_distances && ranks_by_bits();
}

Centroids::Centroids(const IndexLayout& layout, const Metric& metric, const KernelTable& kernels,
                     const std::vector<size_t>& widths)
    : layout_(layout),
      metric_(metric),
      kernels_(kernels),
      bit_score_(metric_.score(kernels, layout_.codes(), nullptr, 0, nullptr)),
      widths_(widths),
      store_(widths_),
      ranked_(layout_.n_bytes()),
      means_(layout_.n_bytes()) {}

void Centroids::set(const uint8_t* codes, size_t n, const CentroidTerms& terms, CentroidMeans means,
                    size_t n_near, Cancel& cancel) {
  put(codes, n, terms, std::move(means));
  if (n_near == 0 || n_near > n / 2 || n < kMinRegional) return;
  const CentroidRegions regions = learn_regions(codes, n, cancel);
  ranked_.take(codes, regions.order, regions.codes.data(), n_near);
}

void Centroids::put(const uint8_t* codes, size_t n, const CentroidTerms& terms,
                    CentroidMeans means) {
  std::vector<float> row_terms;
  if (metric_.row_terms != nullptr) {
    row_terms.resize(n);
    metric_.row_terms(kernels_, layout_.codes(), codes, n, row_terms.data());
  }
  RowStore store(widths_);
  store.write(store.prepare_add(n, nullptr), n, nullptr,
              {codes, row_terms.data(), terms.scales.data(), terms.offsets.data(), nullptr});
  store_ = std::move(store);
  if (ranks_by_bits()) ranked_.take(codes, n);
  means_ = std::move(means);
}

bool Centroids::ranks_by_bits() const { return ranks_by_tally(*bit_score_, layout_.n_bytes()); }

CentroidRegions Centroids::learn_regions(const uint8_t* codes, size_t n, Cancel& cancel) const {
  Centroids regions(layout_, metric_, kernels_, widths_);
  regions.learn(codes, n, n / kMeanOfRegion, cancel);
  return {regions.by_centroid(codes, n, cancel), regions.codes()};
}

void Centroids::put_in_regions(const uint8_t* codes, size_t n, const uint8_t* asked, size_t n_asked,
                               Cancel& cancel) {
  if (n < kMinRegional || !uses_means_) return;
  const CentroidRegions regions = learn_regions(codes, n, cancel);
  const size_t n_near = regions.needed(kernels_, codes, layout_.n_bytes(), asked, n_asked);
  if (n_near > 0) ranked_.take(codes, regions.order, regions.codes.data(), n_near);
}

void Centroids::keep(const std::vector<uint32_t>& numbers, const CentroidTerms& terms,
                     Cancel& cancel) {
  const size_t n_bytes = layout_.n_bytes();
  std::vector<uint8_t> kept(numbers.size() * n_bytes);
  copy_rows(store_.column(kCodes).data(), n_bytes, numbers.data(), numbers.size(), kept.data());
  set(kept.data(), numbers.size(), terms, means_.kept(numbers), ranked_.n_near(), cancel);
}

std::vector<uint8_t> Centroids::codes() const {
  const Column& codes = store_.column(kCodes);
  return {codes.data(), codes.data() + codes.n_rows() * codes.width()};
}

CentroidTerms Centroids::terms() const {
  const auto numbers = [&](IndexColumn c) {
    const float* values = store_.column(c).floats();
    return values == nullptr ? std::vector<float>() : std::vector<float>(values, values + size());
  };
  return {numbers(kScales), numbers(kOffsets)};
}

CandidateLists Centroids::rank(const Score& score, size_t n_queries, size_t n, float margin,
                               size_t n_threads, Cancel& cancel) const {
  const RowFilter all(store_, {});
  const Scan scan = {store_, kernels_, all, n_threads, cancel};
  if (means_.empty() || !ranks_by_tally(score, layout_.n_bytes()))
    return rank_rows(scan, ranked_, score, n_queries, n);
  const size_t n_by_codes = std::min(size(), n + kMoreByCodes);
  CandidateLists lists = near_rows(scan, ranked_, score, n_queries, n_by_codes);
  run_tasks((n_queries + kQueriesPerTask - 1) / kQueriesPerTask, n_threads, cancel,
            [&](size_t task) {
              CentroidMeans::Ranker by_means(means_, kernels_);
              const size_t last = std::min(n_queries, (task + 1) * kQueriesPerTask);
              for (size_t q = task * kQueriesPerTask; q < last; ++q)
                by_means.select(score.bit_counts()->query(q), n, margin, lists[q]);
            });
  return lists;
}

std::vector<Candidate> Centroids::nearest(const uint8_t* codes, size_t n, Cancel& cancel) const {
  const RowFilter all(store_, {});
  const Scan scan = {store_, kernels_, all, default_threads(), cancel};
  std::vector<Candidate> found;
  found.reserve(n);
  for (size_t first = 0; first < n; first += kCodesAtOnce) {
    const size_t here = std::min(kCodesAtOnce, n - first);
    const auto score = metric_.score(kernels_, layout_.codes(), codes + first * layout_.n_bytes(),
                                     here, store_.column(kRowTerms).floats());
    const std::vector<Candidate> nearest = means_.empty()
                                               ? nearest_rows(scan, ranked_, *score, here)
                                               : nearest_by_means(*score, here, cancel);
    found.insert(found.end(), nearest.begin(), nearest.end());
  }
  return found;
}

uint32_t Centroids::distance(const uint8_t* code, uint32_t number) const noexcept {
  uint32_t bits = 0;
  kernels_.xor_count_rows(code, store_.column(kCodes).row(number), 1, layout_.n_bytes(), &bits);
  return bits;
}

std::vector<Candidate> Centroids::nearest_by_means(const Score& score, size_t n,
                                                   Cancel& cancel) const {
  std::vector<Candidate> nearest;
  nearest.reserve(n);
  for (const std::vector<Candidate>& first : rank(score, n, 1, 0.0f, default_threads(), cancel)) {
    const uint32_t number = first.front().row();
    const uint32_t bits = distance(score.bit_counts()->query(nearest.size()), number);
    nearest.emplace_back(static_cast<float>(bits), number);
  }
  return nearest;
}

void Centroids::learn(const uint8_t* codes, size_t n, size_t n_centroids, Cancel& cancel) {
  n_centroids = std::min(n, n_centroids);
  std::vector<uint8_t> centroids(codes, codes + n_centroids * layout_.n_bytes());
  const CentroidTerms none = {std::vector<float>(n_centroids, 1.0f),
                              std::vector<float>(n_centroids, 0.0f)};
  CentroidMeans means(layout_.n_bytes());
  for (size_t round = 0; round < kRounds; ++round) {
    const double doubt = doubt_in(round);
    const size_t n_now = doubt > 0.0 ? std::min(n, kUnsurePerCentroid * n_centroids) : n;
    put(centroids.data(), n_centroids, none, std::move(means));
    put_in_regions(centroids.data(), n_centroids, codes, n, cancel);
    const RowOrder members = by_centroid(codes, n_now, cancel);
    const size_t n_moved = move_to_majorities(codes, members, doubt, centroids, cancel);
    const bool is_last = round + 1 == kRounds || (n_moved == 0 && doubt == 0.0);
    if (!is_last) fill_empty(codes, members, centroids);
    if (uses_means_ && doubt == 0.0) means = {codes, layout_.n_bytes(), members, centroids};
    if (is_last) break;
  }
  put(centroids.data(), n_centroids, none, std::move(means));
  put_in_regions(centroids.data(), n_centroids, codes, n, cancel);
}

RowOrder Centroids::by_centroid(const uint8_t* codes, size_t n, Cancel& cancel) const {
  std::vector<uint32_t> groups;
  groups.reserve(n);
  for (const Candidate& centroid : nearest(codes, n, cancel)) groups.push_back(centroid.row());
  return order_by_group(groups, size(), [](size_t) { return true; });
}

size_t Centroids::move_to_majorities(const uint8_t* codes, const RowOrder& members, double doubt,
                                     std::vector<uint8_t>& centroids, Cancel& cancel) const {
  constexpr size_t kPerTask = 64;
  const size_t n_bytes = layout_.n_bytes();
  const size_t n_centroids = members.starts.size() - 1;
  const std::vector<uint8_t> before = centroids;
  run_tasks((n_centroids + kPerTask - 1) / kPerTask, default_threads(), cancel, [&](size_t task) {
    for (size_t c = task * kPerTask; c < std::min(n_centroids, (task + 1) * kPerTask); ++c) {
      const size_t first = members.starts[c], n = members.starts[c + 1] - first;
      if (n > 0)
        write_majority(codes, members.rows.data() + first, n, doubt,
                       centroids.data() + c * n_bytes);
    }
  });
  size_t n_moved = 0;
  for (size_t c = 0; c < n_centroids; ++c) {
    const bool is_empty = members.starts[c] == members.starts[c + 1];
    n_moved += is_empty || std::memcmp(before.data() + c * n_bytes, centroids.data() + c * n_bytes,
                                       n_bytes) != 0;
  }
  return n_moved;
}

bool Centroids::counts_common_bits() const {
  const BitCounts* bits = bit_score_->bit_counts();
  return bits != nullptr && bits->common;
}

void Centroids::write_majority(const uint8_t* codes, const uint32_t* rows, size_t n, double doubt,
                               uint8_t* out) const {
  const size_t n_bytes = layout_.n_bytes();
  const std::vector<uint32_t> counts = count_set_bits(codes, n_bytes, rows, n);
  std::memset(out, 0, n_bytes);
  const bool common = counts_common_bits();
  const uint32_t frequent = common ? least_frequent(counts, n) : 0;
  const uint8_t* first = codes + rows[0] * n_bytes;
  uint64_t random = 0;
  for (size_t bit = 0; bit < counts.size(); ++bit) {
    const double least = (0.5 + doubt * (next_fraction(random) - 0.5)) * static_cast<double>(n);
    bool is_set = static_cast<double>(counts[bit]) > least;
    if (common)
      is_set = counts[bit] >= frequent;
    else if (static_cast<double>(counts[bit]) == least)
      is_set = (first[bit / 8] >> (bit % 8) & 1) != 0;
    if (is_set) out[bit / 8] = static_cast<uint8_t>(out[bit / 8] | 1u << (bit % 8));
  }
}

// An empty list takes a code away from a large one: one that is not its centroid.
void Centroids::fill_empty(const uint8_t* codes, const RowOrder& members,
                           std::vector<uint8_t>& centroids) const {
  const size_t n_bytes = layout_.n_bytes();
  const auto size_of = [&](size_t c) { return members.starts[c + 1] - members.starts[c]; };
  std::vector<size_t> largest_first(members.starts.size() - 1);
  std::iota(largest_first.begin(), largest_first.end(), size_t{0});
  std::stable_sort(largest_first.begin(), largest_first.end(),
                   [&](size_t a, size_t b) { return size_of(a) > size_of(b); });
  size_t next = 0;
  for (size_t c = 0; c < largest_first.size(); ++c) {
    if (size_of(c) > 0) continue;
    const size_t large = largest_first[next++];
    const uint32_t* const end = members.rows.data() + members.starts[large + 1];
    const uint32_t* const other =
        std::find_if(members.rows.data() + members.starts[large], end, [&](uint32_t row) {
          return std::memcmp(codes + row * n_bytes, centroids.data() + large * n_bytes, n_bytes);
        });
    if (other != end)
      std::memcpy(centroids.data() + c * n_bytes, codes + *other * n_bytes, n_bytes);
  }
}

}  // namespace bitindex
