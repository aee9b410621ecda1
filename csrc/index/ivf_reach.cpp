// How far a search looks: learned by asking with rows of the index.
#include <algorithm>
#include <cmath>
#include <limits>

#include "codes/random.h"
#include "index/ivf_index.h"
#include "scan/thread_pool.h"
#include "tables/estimate.h"

namespace bitindex {
namespace {

constexpr size_t kAskedRows = 256;
constexpr size_t kAskedFloats = 128;  // of these; they cost more
constexpr size_t kAskedNeighbours = 10;
// It is learned again when one row of so many has changed.
constexpr size_t kChangedShare = 4;

// A query that lies between lists may look at more than one number for all would be. To rank many
// more would take longer than they spare.
size_t most_lists(size_t n_probes) { return n_probes + n_probes / 2 + 1; }

// In which lists the neighbours of some rows were found, these being asked for them.
class NeighbourLists {
 public:
  // lists: the nearest ones of each of the rows, as many for all.
  NeighbourLists(const std::vector<uint32_t>& asked, const CandidateLists& neighbours,
                 const CandidateLists& lists, const RowGroups& groups)
      : lists_(lists) {
    // Of rows without a list: every query looks at them.
    constexpr Place kAtOnce = {0, 0.0f};
    std::vector<Place> places(groups.n_groups() + 1, kAtOnce);
    for (size_t q = 0; q < asked.size(); ++q) {
      std::fill(places.begin(), places.end() - 1, Place());
      for (size_t i = 0; i < lists[q].size(); ++i)
        places[lists[q][i].row()] = {i, lists[q][i].key() - lists[q][0].key()};
      for (const Candidate& neighbour : neighbours[q])
        if (neighbour.row() != asked[q])
          places_.push_back(places[groups.group_of(neighbour.row())]);
    }
  }

  // How many lists hold a share of the neighbours, looked at by all rows; more than there are where
  // not all of these lists together do.
  size_t lists_for(double share) const {
    std::vector<size_t> ranks;
    for (const Place& place : places_) ranks.push_back(place.rank);
    return ranks.empty() ? 1 : least_of(ranks, share) + 1;
  }
  // How far to look instead of at n_probes lists, to find the same share in fewer.
  Reach reach_for(double share, size_t n_probes) const {
    Reach reach = {std::min(most_lists(n_probes), lists_.front().size())};
    std::vector<float> farther;
    for (const Place& place : places_)
      farther.push_back(place.rank < reach.n_most ? place.farther : kNowhere);
    if (farther.empty()) return {n_probes};
    reach.margin = least_of(farther, share);
    size_t n_looked_at = 0;
    for (const std::vector<Candidate>& lists : lists_) n_looked_at += lists_in_reach(lists, reach);
    reach.n_mean = (n_looked_at + lists_.size() - 1) / lists_.size();
    return reach;
  }

 private:
  static constexpr float kNowhere = std::numeric_limits<float>::infinity();
  // A list among those of a query: how many are nearer, and how much farther it is than the
  // nearest.
  struct Place {
    size_t rank = std::numeric_limits<size_t>::max() - 1;
    float farther = kNowhere;
  };

  // The least number that a share of the numbers keep to.
  template <class Number>
  static Number least_of(std::vector<Number>& numbers, double share) {
    const auto n = static_cast<size_t>(std::ceil(share * static_cast<double>(numbers.size())));
    const auto nth = numbers.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(n, 1) - 1);
    std::nth_element(numbers.begin(), nth, numbers.end());
    return *nth;
  }

  const CandidateLists& lists_;
  std::vector<Place> places_;  // of the neighbours
};

}  // namespace

void IVFIndex::learn_reach(Cancel& cancel) {
  const size_t n_live = store().n_live(), n_before = since_learned_.n_learned();
  const bool is_known = n_before > 0 && since_learned_.n_changed(n_live) * kChangedShare < n_before;
  if (options_.n_probes > 0 || n_live == 0 || is_known) return;
  std::vector<uint32_t> asked = store().live_rows();
  keep_at_random(asked, kAskedRows, options_.seed + 1);
  const std::vector<uint8_t> codes = codes_of(asked);
  const auto code_score = [&](const RowStore& rows) {
    return metric().score(kernels(), layout().codes(), codes.data(), asked.size(),
                          rows.column(kRowTerms).floats());
  };
  learned_.codes = reach_for_target(asked, code_score, true, cancel);
  // Embeddings are kept with this metric.
  if (metric().integer_distances) {
    keep_at_random(asked, kAskedFloats, options_.seed + 2);
    const std::vector<float> weights = float_queries(asked, options_.seed + 3);
    const auto float_score = [&](const RowStore& rows) {
      const EstimateTerms terms = {rows.column(kScales).floats(), rows.column(kOffsets).floats(),
                                   nullptr};
      return std::make_unique<WeightScore>(weights.data(), asked.size(), layout().codes(), terms);
    };
    learned_.floats = reach_for_target(asked, float_score, false, cancel);
  }
  since_learned_ = RowChanges(n_live);
}

// Floats that rows may stand for: a bit is the sign of a number that is spread like a normal one.
std::vector<float> IVFIndex::float_queries(const std::vector<uint32_t>& rows, uint64_t seed) const {
  constexpr float kMeanSize = 0.65f;  // of what is drawn here
  std::vector<float> weights;
  weights.reserve(rows.size() * layout().n_bits);
  for (const uint32_t row : rows) {
    const uint8_t* const code = store().column(kCodes).row(row);
    const float scale = layout().has_scales ? store().column(kScales).floats()[row] : 1.0f;
    for (size_t bit = 0; bit < layout().n_bits; ++bit) {
      float sum = 0.0f;  // of 8 numbers from -1/2 to 1/2
      for (uint64_t random = next_random(seed), i = 0; i < 8; ++i, random >>= 8)
        sum += static_cast<float>(random & 255) / 255.0f - 0.5f;
      const float size = std::abs(sum) / kMeanSize * options_.weight_sizes[bit] * scale;
      const size_t place = layout().big_endian ? 7 - bit % 8 : bit % 8;
      weights.push_back((code[bit / 8] >> place & 1) != 0 ? size : -size);
    }
  }
  return weights;
}

Reach IVFIndex::reach_for_target(const std::vector<uint32_t>& asked, const ScoreMaker& score,
                                 bool by_distance, Cancel& cancel) const {
  const RowFilter all(store(), {});
  const Scan scan = {store(), kernels(), all, default_threads(), cancel};
  const CandidateLists neighbours =
      scan_nearest(scan, *score(store()), asked.size(), kAskedNeighbours + 1);
  const auto list_score = score(centroids_->store());
  const size_t n_lists = groups_.n_groups();
  // Queries are farther from rows than rows from each other: half of the misses is left to that.
  const double share = (1.0 + options_.target_recall) / 2.0;
  for (size_t n = 1;; n = std::min(2 * n, n_lists)) {
    // As many as a search ranks: where centroids stand in regions, more is nearer to the truth.
    const size_t n_ranked = std::min(most_lists(n), n_lists);
    const CandidateLists lists =
        centroids_->rank(*list_score, asked.size(), n_ranked, kNoMargin, scan.n_threads, cancel);
    const NeighbourLists found(asked, neighbours, lists, groups_);
    const size_t n_probes = found.lists_for(share);
    if (n_probes > n && n < n_lists) continue;
    return by_distance ? found.reach_for(share, n_probes) : Reach{n_probes};
  }
}

}  // namespace bitindex
