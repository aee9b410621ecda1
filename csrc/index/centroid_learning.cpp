// How centroids come about: k-majority, annealed, and regions of them by the same way.
#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "codes/random.h"
#include "index/centroids.h"
#include "scan/thread_pool.h"

namespace bitindex {
namespace {

constexpr size_t kRounds = 20;
constexpr size_t kUnsureRounds = 16;
constexpr double kMostDoubt = 0.8;
// Codes for each centroid from which rounds learn that are not the last ones.
constexpr size_t kUnsurePerCentroid = 32;

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
