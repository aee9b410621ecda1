// The nearest of few rows, such as centroids, for each query: all rows are counted, and the counts
// say where to cut. It spares the search for a limit, which costs more than the rows themselves.
#pragma once

#include "scan/scan.h"
#include "scan/word_blocks.h"

namespace bitindex {

// As scan_nearest; quicker where `blocks` holds the rows of the scan and rows that are nearer
// differ in fewer bits.
CandidateLists rank_rows(const Scan& scan, const WordBlocks& blocks, const Score& score,
                         size_t n_queries, size_t k);
// The k nearest rows of each query and perhaps a few more, in no order.
CandidateLists near_rows(const Scan& scan, const WordBlocks& blocks, const Score& score,
                         size_t n_queries, size_t k);
// The nearest row of each query; there must be one.
std::vector<Candidate> nearest_rows(const Scan& scan, const WordBlocks& blocks, const Score& score,
                                    size_t n_queries);

}  // namespace bitindex
