// What becomes of a graph where rows leave it: nodes that had links to them get links to what these
// were linked with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "graph/neighbour_choice.h"
#include "scan/cancel.h"

namespace bitindex {

// Takes rows out of the graph whose codes have changed; they are pending then, even where this
// throws. Links to them may stay: where they are few, those that they did not return, and where it
// was stopped. These lead a search nowhere, at worst.
void unlink_rows(Graph& graph, const RowMetric& metric, size_t n_threads, Cancel& cancel,
                 std::vector<uint32_t> rows);

// Row i is what was row kept[i]; the others are gone.
void move_rows(Graph& graph, const RowMetric& metric, size_t n_threads,
               const std::vector<uint32_t>& kept);

}  // namespace bitindex
