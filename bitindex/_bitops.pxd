# Bit counts of packed codes for other people's Cython code:
#
#     from bitindex._bitops cimport hamming_distance
#
# The functions touch no Python object, never raise, and may run without the GIL and from many
# threads at once. They come through the module itself: no header and no library of bitindex is
# needed to compile or link. The kernels are chosen when bitindex._bitops is imported: those that
# the environment variable BITINDEX_ISA names, the generic ones where it names none that can run
# here, and the best for this CPU where it is not set.
#
# A code is n_bytes bytes, fewer than 2**28. `rows` are n_rows codes, one after the other.
from libc.stdint cimport uint8_t, uint32_t

# popcount(code), popcount(a xor b), popcount(a and b)
cdef uint32_t popcount_code(const uint8_t* code, size_t n_bytes) noexcept nogil
cdef uint32_t hamming_distance(const uint8_t* a, const uint8_t* b, size_t n_bytes) noexcept nogil
cdef uint32_t and_count(const uint8_t* a, const uint8_t* b, size_t n_bytes) noexcept nogil

# The same for each row; counts has room for n_rows entries. One call for many rows is faster than
# many calls.
cdef void popcount_rows(
    const uint8_t* rows, size_t n_rows, size_t n_bytes, uint32_t* counts
) noexcept nogil
cdef void hamming_distance_rows(
    const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes, uint32_t* counts
) noexcept nogil
cdef void and_count_rows(
    const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes, uint32_t* counts
) noexcept nogil
