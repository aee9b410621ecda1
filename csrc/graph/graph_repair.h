// What becomes of a graph where rows leave it: nodes that had links to them get links to what these
// were linked with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "graph/graph.h"
#include "graph/neighbour_choice.h"

namespace bitindex {

// Takes rows out of the graph whose codes have changed; they are pending then. Where they are few,
// links to them that they did not return may stay: these lead a search nowhere, at worst.
void unlink_rows(Graph& graph, const RowMetric& metric, size_t n_threads,
                 std::vector<uint32_t> rows);

// Row i is what was row kept[i]; the others are gone.
void move_rows(Graph& graph, const RowMetric& metric, size_t n_threads,
               const std::vector<uint32_t>& kept);

}  // namespace bitindex
