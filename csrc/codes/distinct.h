// Whether ids are distinct.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace bitindex {

// An id that comes more than once, if one does. Takes about a byte of memory for each id, of ids
// that ascend none: files may be as large as the memory.
std::optional<int64_t> repeated_id(const int64_t* ids, size_t n);

}  // namespace bitindex
