// Centroids as means of their codes: for each bit the share of a list's rows that have it. How far
// a code is from a mean, by the sum of squares, says more than how many bits of the majority it
// differs in: a bit that half of the rows have counts little (docs/decisions/ivf.md).
#pragma once

#include <cstdint>
#include <vector>

#include "codes/row_groups.h"
#include "kernels/kernel_table.h"
#include "scan/candidate.h"

namespace bitindex {

// How many of `n` codes have each bit set.
std::vector<uint32_t> count_set_bits(const uint8_t* codes, size_t n_bytes, const uint32_t* rows,
                                     size_t n);

class CentroidMeans {
 public:
  // None, for codes of n_bytes bytes.
  explicit CentroidMeans(size_t n_bytes) : n_bits_(8 * n_bytes) {}
  // As `weights` gave them.
  CentroidMeans(size_t n_bytes, std::vector<int8_t> weights);
  // Those of the members among these codes; a centroid without members is where its own code is.
  CentroidMeans(const uint8_t* codes, size_t n_bytes, const RowOrder& members,
                const std::vector<uint8_t>& centroids);

  bool empty() const noexcept { return weights_.empty(); }
  size_t memory_bytes() const noexcept;
  // For each centroid and bit, the share from 0 to 1 as a number from -127 to 127.
  const std::vector<int8_t>& weights() const noexcept { return weights_; }
  // Only these centroids, in this order.
  CentroidMeans kept(const std::vector<uint32_t>& numbers) const;

  // Asks of one code after the other.
  class Ranker {
   public:
    Ranker(const CentroidMeans& means, const KernelTable& kernels)
        : means_(means), kernels_(kernels) {}
    // Leaves the n nearest of some centroids, nearest first, but for those more than `margin`
    // farther than the nearest one, with the squared distances of their means from a code. Ties go
    // to the centroid that came first.
    void select(const uint8_t* code, size_t n, float margin, std::vector<Candidate>& centroids);

   private:
    const CentroidMeans& means_;
    const KernelTable& kernels_;
    std::vector<uint32_t> numbers_;  // of the centroids
    std::vector<int32_t> distances_;
    std::vector<uint64_t> order_;  // distances, and then places among the centroids
  };

 private:
  void add_offsets();

  size_t n_bits_;
  std::vector<int8_t> weights_;
  std::vector<int32_t> offsets_;  // what of a squared distance depends on the centroid alone
};

}  // namespace bitindex
