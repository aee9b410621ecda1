// Which slices to add up for queries that share work: programs for KernelTable::count_slices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"
#include "tables/score.h"

namespace bitindex {

// Neighbouring queries of a batch: two pairs, whose counts may be shared too.
class SliceGroup {
 public:
  static constexpr size_t kMaxQueries = kMaxSliceQueries;

  SliceGroup() = default;
  // Queries [first, first + n_queries) of `counts`, at least one and at most kMaxQueries.
  SliceGroup(const KernelTable& kernels, const BitCounts& counts, size_t first, size_t n_queries);

  size_t n_queries() const noexcept { return n_queries_; }
  SliceProgram program() const noexcept {
    return {n_queries_, steps_.data(), steps_.size(), offsets_.data()};
  }
  size_t program_bytes() const noexcept {
    return steps_.size() * sizeof(SliceStep) + offsets_.size() * sizeof(uint32_t);
  }
  // Passes the rows whose sum for query i of the group keeps the bound (see Score::sum_bound).
  SliceTest test(size_t i, int32_t sum_bound) const noexcept;

 private:
  using Bits = std::vector<uint32_t>;

  void plan_pairs(Bits (&kinds)[16]);
  void plan_together(Bits (&kinds)[16]);
  void add_pair(size_t first, size_t n, const Bits* const* own, const Bits* plus);
  void add_step(SliceStep step, const Bits& bits, const Bits& plus);
  void choose(size_t neither, size_t first, size_t n);
  size_t cost() const noexcept;

  bool common_ = false;
  size_t n_queries_ = 0;
  size_t slice_bytes_ = 0;
  uint32_t zero_slice_ = 0;
  // Of each query: whether its chosen bits are those that it lacks, and its popcount.
  bool inverted_[kMaxQueries] = {};
  int32_t popcounts_[kMaxQueries] = {};
  std::vector<SliceStep> steps_;
  std::vector<uint32_t> offsets_;
};

}  // namespace bitindex
