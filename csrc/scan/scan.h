// The scan: every allowed row against every query, nearest rows kept.
//
// Work is cut into query groups and row ranges, so that one query and ten thousand both use all
// threads. The result does not depend on the cut.
#pragma once

#include <cstddef>
#include <vector>

#include "codes/row_store.h"
#include "kernels/kernel_table.h"
#include "scan/cancel.h"
#include "scan/folded_codes.h"
#include "scan/row_filter.h"
#include "scan/rows_by_size.h"
#include "scan/top_k.h"
#include "tables/score.h"

namespace bitindex {

struct Scan {
  const RowStore& store;  // column 0 holds the codes
  const KernelTable& kernels;
  const RowFilter& filter;
  size_t n_threads;
  Cancel& cancel;
  RowRange rows = {};                   // others are passed over
  const RowsBySize* by_size = nullptr;  // where they stand in that order
  const FoldedRows* folded = nullptr;
  size_t start = 0;  // the row to begin with, from which on near ones are likely
};

// For each query its candidates, nearest first, ties by smaller id.
using CandidateLists = std::vector<std::vector<Candidate>>;

// The k nearest allowed rows, or all of them where there are fewer. With `limits`, those of query q
// with keys beyond limits[q] may be missing.
CandidateLists scan_nearest(const Scan& scan, const Score& score, size_t n_queries, size_t k,
                            const float* limits = nullptr);

// All allowed rows whose key is at most `radius`.
CandidateLists scan_within(const Scan& scan, const Score& score, size_t n_queries, float radius);

}  // namespace bitindex
