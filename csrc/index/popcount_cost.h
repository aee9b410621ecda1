// What looking at rows costs, in the bytes of codes next to each other that one query by itself
// could count meanwhile.
#pragma once

#include <cstddef>

namespace bitindex {

// For each of n_queries with so many bits set that look together at n_rows rows of n_bytes.
double bytes_together(size_t n_queries, size_t n_rows, size_t n_bytes, size_t query_size) noexcept;

}  // namespace bitindex
