// The nearest of few rows, such as centroids, for each query: all rows are counted, and the counts
// say where to cut. It spares the search for a limit, which costs more than the rows themselves.
#pragma once

#include "scan/scan.h"

namespace bitindex {

// As scan_nearest; quicker where rows are few and more than one in some hundred is wanted.
CandidateLists rank_rows(const Scan& scan, const Score& score, size_t n_queries, size_t k);

}  // namespace bitindex
