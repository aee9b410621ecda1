// The scan: every allowed row against every query, nearest rows kept.
//
// Work is cut into query groups and row ranges, so that one query and ten thousand both use all
// threads. The result does not depend on the cut.
#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "codes/row_groups.h"
#include "codes/row_store.h"
#include "kernels/kernel_table.h"
#include "scan/cancel.h"
#include "scan/folded_codes.h"
#include "scan/row_filter.h"
#include "scan/top_k.h"
#include "tables/score.h"

namespace bitindex {

struct RowRange {
  size_t first = 0;
  size_t last = std::numeric_limits<size_t>::max();  // or the end of the rows before that

  size_t size() const noexcept { return last - first; }
};

struct Scan {
  const RowStore& store;  // column 0 holds the codes
  const KernelTable& kernels;
  const RowFilter& filter;
  size_t n_threads;
  Cancel& cancel;
  RowRange rows = {};  // others are passed over
  // Where they stand in the order of their numbers of bits: a group for each number. Rows that have
  // another one than their place says may be missed.
  const RowGroups* by_size = nullptr;
  bool ids_ascend = false;  // within each group of by_size
  const FoldedRows* folded = nullptr;
};

// For each query its candidates, nearest first, ties by smaller id.
using CandidateLists = std::vector<std::vector<Candidate>>;

// The k nearest allowed rows, or all of them where there are fewer. With `limits`, those of query q
// with keys beyond limits[q] may be missing.
CandidateLists scan_nearest(const Scan& scan, const Score& score, size_t n_queries, size_t k,
                            const float* limits = nullptr);

// For each query a limit that the k nearest rows of its own range keep to, or infinity.
std::vector<float> scan_kth_keys(const Scan& scan, const Score& score,
                                 const std::vector<RowRange>& ranges, size_t k);

// Whether scan_nearest finds out for itself first how near the k nearest are about, for scores that
// count bits.
bool guesses_limits(const Scan& scan, size_t n_queries, size_t k);

// All allowed rows whose key is at most `radius`.
CandidateLists scan_within(const Scan& scan, const Score& score, size_t n_queries, float radius);

}  // namespace bitindex
