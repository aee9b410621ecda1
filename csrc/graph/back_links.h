// Links between the rows of a batch and the neighbours that they have chosen, both ways.
#pragma once

#include "graph/batch.h"

namespace bitindex {

// For one layer. Links of a node that has too many are chosen anew. Each row of the batch keeps at
// least one link to it in layer 0, so that it can be found.
void link_both_ways(Graph& graph, const RowMetric& metric, size_t n_threads, const Batch& batch,
                    size_t layer);

}  // namespace bitindex
