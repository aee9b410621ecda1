// Rows of the same code: one of them is linked as any row, the others hang from it as a tree, so
// that they neither fill its links nor those of its neighbours.
#pragma once

#include "graph/batch.h"

namespace bitindex {

// Links each twin of the batch with a row of the same code that has few twins yet.
void attach_twins(Graph& graph, const RowMetric& metric, const Batch& batch);

}  // namespace bitindex
