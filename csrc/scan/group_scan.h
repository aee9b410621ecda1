// The scan of some groups of rows: each query says which ones it looks at.
//
// Queries that look at the same group share what is prepared of its rows, and a group is read from
// memory once for all of them. The result depends on neither the order of groups nor the threads.
#pragma once

#include <cstdint>
#include <vector>

#include "codes/row_groups.h"
#include "scan/scan.h"

namespace bitindex {

// For each query its groups, distinct and the most promising first. Rows without a group are looked
// at for every query.
using GroupChoice = std::vector<std::vector<uint32_t>>;

// The k nearest allowed rows of the chosen groups, or all of them where there are fewer.
// `similarities` (queries x groups): what is subtracted from the keys of each group's rows, or
// null; rows without a group are passed over then.
CandidateLists scan_groups_nearest(const Scan& scan, const Score& score, const RowGroups& groups,
                                   const GroupChoice& chosen, size_t k,
                                   const float* similarities = nullptr);

// All allowed rows of the chosen groups whose key is at most `radius`.
CandidateLists scan_groups_within(const Scan& scan, const Score& score, const RowGroups& groups,
                                  const GroupChoice& chosen, float radius);

}  // namespace bitindex
