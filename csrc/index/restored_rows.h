// What must hold of rows that come from a file, and what only a pass over all of them can tell.
#pragma once

#include "index/index.h"
#include "scan/cancel.h"

namespace bitindex {

// Throws std::invalid_argument where the terms of a row are not those of its code, or a number that
// goes with it is not finite.
void check_restored_rows(const IndexLayout& layout, const Metric& metric,
                         const KernelTable& kernels, const RowStore& rows, Cancel& cancel);

}  // namespace bitindex
