// Rows that no search would find, because no path of links leads to them.
#pragma once

#include "graph/graph.h"
#include "graph/neighbour_choice.h"
#include "scan/cancel.h"

namespace bitindex {

// Gives each linked row that cannot be reached from the entry a link from a near row that can.
// Takes a look at every link. Throws Cancelled; the graph is whole then.
void link_unreached(Graph& graph, const RowMetric& metric, size_t width, Cancel& cancel);

// How many linked rows cannot be reached from the entry.
size_t count_unreached(const Graph& graph);

}  // namespace bitindex
