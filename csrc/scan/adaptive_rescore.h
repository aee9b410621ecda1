// Rescoring that stops, for each query on its own, when no further candidate is likely to be among
// the k nearest: docs/decisions/rescoring.md.
#pragma once

#include <cstddef>
#include <vector>

#include "scan/rescore.h"

namespace bitindex {

// Candidates to collect for each query at first, and for those that these leave undecided.
struct CandidateLimits {
  size_t first;
  size_t most;
};
CandidateLimits adaptive_candidates(size_t k) noexcept;

// Replaces keys by exact ones from the nearest estimate on, until no other candidate is likely to
// be among the k nearest, and keeps the k nearest of each list. Returns how many candidates of each
// list it took: all of them where the query is undecided.
std::vector<size_t> adaptive_rescore(const Scan& scan, const VectorScore& score, size_t k,
                                     CandidateLists& lists);

}  // namespace bitindex
