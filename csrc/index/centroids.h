// Codes that stand for lists of rows, found by k-majority: k-means where a centroid is the bitwise
// majority of its rows (Grana et al., "A fast approach for integrating ORB descriptors in the bag
// of words model", 2013). Where rows are compared by the bits that differ, means beside the codes
// tell which of some near centroids is the nearest.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "codes/row_groups.h"
#include "index/centroid_means.h"
#include "index/centroid_regions.h"
#include "index/index.h"
#include "scan/ranked_rows.h"

namespace bitindex {

// What a centroid keeps beside its code, for estimated similarities: means over its rows.
struct CentroidTerms {
  std::vector<float> scales;
  std::vector<float> offsets;
};

class Centroids {
 public:
  // None yet. `rows`: those of the index, whose columns centroids have too, but for vectors.
  Centroids(const Index& index, const KernelTable& kernels, const RowStore& rows);

  size_t size() const noexcept { return store_.n_rows(); }
  // Centroids as rows, so that any score of queries against rows serves for lists.
  const RowStore& store() const noexcept { return store_; }
  size_t memory_bytes() const noexcept {
    return store_.memory_bytes() + ranked_.memory_bytes() + means_.memory_bytes();
  }
  std::vector<uint8_t> codes() const;
  CentroidTerms terms() const;
  const CentroidMeans& means() const noexcept { return means_; }
  // How many centroids the regions hold that a query looks at; 0 where there are none.
  size_t n_near() const noexcept { return ranked_.n_near(); }
  // Whether they may have means.
  bool uses_means() const noexcept { return uses_means_; }

  // Learns at most n_centroids of them from codes in random order.
  void learn(const uint8_t* codes, size_t n, size_t n_centroids, Cancel& cancel);
  // terms: one number for each centroid where the index keeps them. Without means, codes alone tell
  // which centroid is the nearest. n_near: as this class has it, 0 for no regions,
  // which too few centroids do not have either.
  void set(const uint8_t* codes, size_t n, const CentroidTerms& terms, CentroidMeans means,
           size_t n_near, Cancel& cancel);
  // Leaves only these, in this order.
  void keep(const std::vector<uint32_t>& numbers, const CentroidTerms& terms, Cancel& cancel);

  // In how many bits a code differs from that of a centroid.
  uint32_t distance(const uint8_t* code, uint32_t number) const noexcept;
  // For each query of the score its n nearest centroids, nearest first, with their distances: from
  // the means where there are any, and then without those that are more than `margin` farther than
  // the nearest one.
  CandidateLists rank(const Score& score, size_t n_queries, size_t n, float margin,
                      size_t n_threads, Cancel& cancel) const;
  // The nearest centroid of each code: its number and the distance of the codes by the metric of
  // the index. Ties go to the smaller number.
  std::vector<Candidate> nearest(const uint8_t* codes, size_t n, Cancel& cancel) const;

 private:
  Centroids(const IndexLayout& layout, const Metric& metric, const KernelTable& kernels,
            const std::vector<size_t>& widths);

  bool ranks_by_bits() const;
  // As set, without regions.
  void put(const uint8_t* codes, size_t n, const CentroidTerms& terms, CentroidMeans means);
  CentroidRegions learn_regions(const uint8_t* codes, size_t n, Cancel& cancel) const;
  // Makes regions of the centroids, which are these codes, where that is worth while, asked with
  // others.
  void put_in_regions(const uint8_t* codes, size_t n, const uint8_t* asked, size_t n_asked,
                      Cancel& cancel);
  std::vector<Candidate> nearest_by_means(const Score& score, size_t n, Cancel& cancel) const;
  // The code that stands for some of the codes: the bits that most of them have, or, where common
  // bits count, the most frequent ones, as many as the codes have on average. The majority of
  // sparse codes would have hardly any.
  void write_majority(const uint8_t* codes, const uint32_t* rows, size_t n, double doubt,
                      uint8_t* out) const;
  bool counts_common_bits() const;
  // Codes in the order of the centroids that they are nearest to.
  RowOrder by_centroid(const uint8_t* codes, size_t n, Cancel& cancel) const;
  size_t move_to_majorities(const uint8_t* codes, const RowOrder& members, double doubt,
                            std::vector<uint8_t>& centroids, Cancel& cancel) const;
  void fill_empty(const uint8_t* codes, const RowOrder& members,
                  std::vector<uint8_t>& centroids) const;

  const IndexLayout& layout_;
  const Metric& metric_;
  const KernelTable& kernels_;
  std::unique_ptr<Score> bit_score_;  // of no queries: says what of bits counts
  std::vector<size_t> widths_;
  RowStore store_;
  RankedRows ranked_;  // the codes once more, where they serve to rank centroids
  CentroidMeans means_;
  bool uses_means_ = false;
};

}  // namespace bitindex
