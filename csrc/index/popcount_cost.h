// What looking at rows costs, in the bytes of codes next to each other that one query by itself
// could count meanwhile.
#pragma once

#include <cstddef>

#include "scan/scan.h"
#include "tables/overlap.h"

namespace bitindex {

// For each of n_queries with so many bits set that look together at n_rows rows of n_bytes.
double bytes_together(size_t n_queries, size_t n_rows, size_t n_bytes, size_t query_size) noexcept;

// For query q of the score by itself, which looks at folds first, for the rows within this limit
// that are in `rows`; a few of them tell.
double bytes_by_folds(const Scan& scan, const FoldedRows& folded, const RowsBySize& by_size,
                      const OverlapScore& score, size_t q, float limit, const RowRange& rows);

}  // namespace bitindex
