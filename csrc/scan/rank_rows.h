// The nearest of few rows, such as centroids, for each query: all rows are counted, or all of near
// regions, and the counts say where to cut. It spares the search for a limit, which costs more than
// the rows themselves.
#pragma once

#include "scan/ranked_rows.h"
#include "scan/scan.h"

namespace bitindex {

// As scan_nearest; quicker where `rows` holds the rows of the scan and rows that are nearer differ
// in fewer bits. Where it holds regions, and k is small, rows that are not in the regions nearest
// to a query are missed.
CandidateLists rank_rows(const Scan& scan, const RankedRows& rows, const Score& score,
                         size_t n_queries, size_t k);
// The k nearest rows of each query and perhaps a few more, in no order.
CandidateLists near_rows(const Scan& scan, const RankedRows& rows, const Score& score,
                         size_t n_queries, size_t k);
// The nearest row of each query; there must be one.
std::vector<Candidate> nearest_rows(const Scan& scan, const RankedRows& rows, const Score& score,
                                    size_t n_queries);

}  // namespace bitindex
