# cython: boundscheck=False, wraparound=False
"""Array functions on packed codes: pack, unpack, popcount, hamming, jaccard."""

import numpy as np

from bitindex._packed import bool_rows, check_bit_order, code_pair, code_rows, code_rows_of_bits

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int32_t, uint8_t, uint32_t
from libcpp.string cimport string


cdef extern from "kernels/dispatch.h" namespace "bitindex" nogil:
    cppclass KernelTable:
        void (*popcount_rows)(const uint8_t*, size_t, size_t, uint32_t*) noexcept
        void (*xor_count_rows)(const uint8_t*, const uint8_t*, size_t, size_t, uint32_t*) noexcept
        void (*and_count_rows)(const uint8_t*, const uint8_t*, size_t, size_t, uint32_t*) noexcept

    const KernelTable& active_kernels() except +
    const KernelTable& kernels_named(const string& name) except +


cdef extern from "codes/bits.h" namespace "bitindex" nogil:
    struct Rows:
        const uint8_t* codes
        size_t n

    void hamming_paired(const KernelTable&, Rows, Rows, size_t n_bytes, int32_t*) noexcept
    void jaccard_paired(const KernelTable&, Rows, Rows, size_t n_bytes, float*) noexcept
    void hamming_all_pairs(
        const KernelTable&, Rows, Rows, size_t n_bytes, int32_t*, size_t stride
    ) noexcept
    void jaccard_all_pairs(
        const KernelTable&, Rows, const uint32_t*, Rows, const uint32_t*, size_t n_bytes, float*,
        size_t stride
    ) noexcept


def pack(bools, bit_order="big"):
    """
    Pack rows of bools into codes, 8 bits to a byte.

    Parameters
    ----------
    bools : array_like of bool, shape (n, n_bits) or (n_bits,)
        A 1-D array is one row.
    bit_order : {"big", "little"}
        Whether the first bit of a row is the highest or the lowest bit of its first byte.

    Returns
    -------
    codes : ndarray of uint8, shape (n, ceil(n_bits / 8))
        Unused bits of the last byte are zero.

    Raises
    ------
    TypeError
        If `bools` is not bool. Integers and floats are refused, because it would be a guess which
        of them mean a set bit.
    ValueError
        If `bools` has no or more than two dimensions, or `bit_order` is unknown.

    See Also
    --------
    unpack : The inverse.

    Notes
    -----
    Takes time linear in the number of bits and one pass over memory. Thread safe.

    Examples
    --------
    >>> import bitindex as bi
    >>> bi.pack([[True, False, True], [False, True, True]])
    array([[160],
           [ 96]], dtype=uint8)
    >>> bi.pack([True, False, True], bit_order="little")
    array([[5]], dtype=uint8)
    """
    rows = bool_rows(bools)
    check_bit_order(bit_order)
    # NumPy packs and unpacks as fast as memory copies.
    return np.packbits(rows, axis=1, bitorder=bit_order)


def unpack(codes, n_bits, bit_order="big"):
    """
    Unpack codes into rows of bools.

    Parameters
    ----------
    codes : array_like of uint8, shape (n, ceil(n_bits / 8)) or (ceil(n_bits / 8),)
        A 1-D array is one code.
    n_bits : int
        Number of bits of a code, 0 or more.
    bit_order : {"big", "little"}
        The order that the codes were packed with.

    Returns
    -------
    bools : ndarray of bool, shape (n, n_bits)

    Raises
    ------
    TypeError
        If `codes` is not uint8 or `n_bits` is not an integer.
    ValueError
        If the width of `codes` does not fit `n_bits`, a bit beyond `n_bits` is set (the message
        names the first such row), or `bit_order` is unknown.

    See Also
    --------
    pack : The inverse.

    Notes
    -----
    Takes time linear in the number of bits and one pass over memory. Thread safe.

    Examples
    --------
    >>> import bitindex as bi
    >>> bi.unpack([[160], [96]], n_bits=3)
    array([[ True, False,  True],
           [False,  True,  True]])
    """
    rows = code_rows_of_bits(codes, n_bits, bit_order)
    return np.unpackbits(rows, axis=1, count=n_bits, bitorder=bit_order).view(np.bool_)


def popcount(codes):
    """
    Count the set bits of each code.

    Parameters
    ----------
    codes : array_like of uint8, shape (n, n_bytes) or (n_bytes,)
        A 1-D array is one code.

    Returns
    -------
    counts : ndarray of int32, shape (n,)
        From 0 to 8 * n_bytes.

    Raises
    ------
    TypeError
        If `codes` is not uint8.
    ValueError
        If `codes` has no or more than two dimensions, a list holds numbers outside 0..255, or the
        environment variable BITINDEX_ISA names no instruction set of this CPU.

    Notes
    -----
    Takes time linear in the number of bytes. Releases the GIL; thread safe.

    Examples
    --------
    >>> import bitindex as bi
    >>> bi.popcount([[255, 1], [0, 3]])
    array([9, 2], dtype=int32)
    """
    return row_popcounts(&active_kernels(), code_rows(codes, "codes")).view(np.int32)


def hamming(a, b, *, paired=False):
    """
    Count the bits in which codes differ.

    Parameters
    ----------
    a : array_like of uint8, shape (n_a, n_bytes) or (n_bytes,)
        A 1-D array is one code.
    b : array_like of uint8, shape (n_b, n_bytes) or (n_bytes,)
        A 1-D array is one code.
    paired : bool
        Compare ``a[i]`` with ``b[i]`` only, instead of every row with every row.

    Returns
    -------
    distances : ndarray of int32, shape (n_a, n_b), or (n_a,) if paired
        From 0 to 8 * n_bytes.

    Raises
    ------
    TypeError
        If `a` or `b` is not uint8.
    ValueError
        If the widths differ, or the numbers of rows where paired; if an argument has no or more
        than two dimensions; if a list holds numbers outside 0..255; if the environment variable
        BITINDEX_ISA names no instruction set of this CPU.

    See Also
    --------
    jaccard : The share of the set bits in which codes differ.

    Notes
    -----
    Exact. Takes O(n_a * n_b * n_bytes) time, O(n_a * n_bytes) if paired, on one thread. Releases
    the GIL; thread safe; Ctrl-C stops it within milliseconds. Where only the nearest codes matter,
    an index gives them without the memory for all distances.

    Examples
    --------
    >>> import bitindex as bi
    >>> bi.hamming([[255, 1], [0, 3]], [[0, 0]])
    array([[9],
           [2]], dtype=int32)
    >>> bi.hamming([[255, 1], [0, 3]], [[255, 0], [0, 0]], paired=True)
    array([1, 2], dtype=int32)
    """
    cdef const KernelTable* kernels = &active_kernels()
    a, b = code_pair(a, b, paired=paired)
    cdef const uint8_t[:, ::1] a_codes = a
    cdef const uint8_t[:, ::1] b_codes = b
    cdef Py_ssize_t n_a = a.shape[0], n_b = b.shape[0], n_bytes = a.shape[1]
    cdef Py_ssize_t i, i_end, j, j_end
    distances = np.empty((1 if paired else n_a, n_b), dtype=np.int32)
    cdef int32_t[:, ::1] out = distances
    if paired:
        for i, i_end in _runs(n_a, n_bytes):
            with nogil:
                hamming_paired(
                    kernels[0],
                    between(a_codes, i, i_end),
                    between(b_codes, i, i_end),
                    n_bytes,
                    &out[0, i],
                )
        return distances[0]
    for i, i_end, j, j_end in _blocks(n_a, n_b, n_bytes):
        with nogil:
            hamming_all_pairs(
                kernels[0],
                between(a_codes, i, i_end),
                between(b_codes, j, j_end),
                n_bytes,
                &out[i, j],
                n_b,
            )
    return distances


def jaccard(a, b, *, paired=False):
    """
    Jaccard (Tanimoto) distances, ``1 - popcount(a and b) / popcount(a or b)``.

    Parameters
    ----------
    a : array_like of uint8, shape (n_a, n_bytes) or (n_bytes,)
        A 1-D array is one code.
    b : array_like of uint8, shape (n_b, n_bytes) or (n_bytes,)
        A 1-D array is one code.
    paired : bool
        Compare ``a[i]`` with ``b[i]`` only, instead of every row with every row.

    Returns
    -------
    distances : ndarray of float32, shape (n_a, n_b), or (n_a,) if paired
        From 0 to 1; 0 for two codes without a set bit.

    Raises
    ------
    TypeError
        If `a` or `b` is not uint8.
    ValueError
        If the widths differ, or the numbers of rows where paired; if an argument has no or more
        than two dimensions; if a list holds numbers outside 0..255; if the environment variable
        BITINDEX_ISA names no instruction set of this CPU.

    See Also
    --------
    hamming : The number of bits in which codes differ.

    Notes
    -----
    Computed as ``float32(union - intersection) / float32(union)``: the float32 nearest to the exact
    distance for codes of up to 2**24 bits. Takes O(n_a * n_b * n_bytes) time, O(n_a * n_bytes) if
    paired, on one thread. Releases the GIL; thread safe; Ctrl-C stops it within milliseconds.

    Examples
    --------
    >>> import bitindex as bi
    >>> bi.jaccard([[0b0111], [0b1000]], [[0b0011], [0b1000]])
    array([[0.33333334, 1.        ],
           [1.        , 0.        ]], dtype=float32)
    >>> bi.jaccard([[0b0111], [0]], [[0b0011], [0]], paired=True)
    array([0.33333334, 0.        ], dtype=float32)
    """
    cdef const KernelTable* kernels = &active_kernels()
    a, b = code_pair(a, b, paired=paired)
    cdef const uint8_t[:, ::1] a_codes = a
    cdef const uint8_t[:, ::1] b_codes = b
    cdef Py_ssize_t n_a = a.shape[0], n_b = b.shape[0], n_bytes = a.shape[1]
    cdef Py_ssize_t i, i_end, j, j_end
    cdef uint32_t[::1] a_counts, b_counts
    distances = np.empty((1 if paired else n_a, n_b), dtype=np.float32)
    cdef float[:, ::1] out = distances
    if paired:
        for i, i_end in _runs(n_a, n_bytes):
            with nogil:
                jaccard_paired(
                    kernels[0],
                    between(a_codes, i, i_end),
                    between(b_codes, i, i_end),
                    n_bytes,
                    &out[0, i],
                )
        return distances[0]
    a_counts, b_counts = row_popcounts(kernels, a), row_popcounts(kernels, b)
    for i, i_end, j, j_end in _blocks(n_a, n_b, n_bytes):
        with nogil:
            jaccard_all_pairs(
                kernels[0],
                between(a_codes, i, i_end),
                &a_counts[i],
                between(b_codes, j, j_end),
                &b_counts[j],
                n_bytes,
                &out[i, j],
                n_b,
            )
    return distances


# ---- Loops over rows and pairs


# Each piece of work takes milliseconds, and signals are checked between two of them. A block of
# b stays in the second-level cache while the rows of a block of a pass over it.
cdef enum:
    kRunBytes = 1 << 22
    kBlockBytes = 1 << 17
    kBlockRows = 32


def _runs(Py_ssize_t n, Py_ssize_t n_bytes):
    """Cut n pairs of rows into runs; raise between them on Ctrl-C."""
    cdef Py_ssize_t i, rows = max(1, kRunBytes // max(1, n_bytes))
    for i in range(0, n, rows):
        yield i, min(i + rows, n)
        PyErr_CheckSignals()


def _blocks(Py_ssize_t n_a, Py_ssize_t n_b, Py_ssize_t n_bytes):
    """Cut the matrix of all pairs into blocks; raise between them on Ctrl-C."""
    cdef Py_ssize_t i, j, columns = max(1, kBlockBytes // max(1, n_bytes))
    for j in range(0, n_b, columns):
        for i in range(0, n_a, kBlockRows):
            yield i, min(i + kBlockRows, n_a), j, min(j + columns, n_b)
            PyErr_CheckSignals()


cdef inline Rows between(
    const uint8_t[:, ::1] codes, Py_ssize_t start, Py_ssize_t end
) noexcept nogil:
    cdef Rows rows
    rows.codes = &codes[start, 0]
    rows.n = end - start
    return rows


cdef object row_popcounts(const KernelTable* kernels, codes):
    cdef const uint8_t[:, ::1] rows = codes
    counts = np.empty(codes.shape[0], dtype=np.uint32)
    cdef uint32_t[::1] out = counts
    with nogil:
        kernels.popcount_rows(&rows[0, 0], rows.shape[0], rows.shape[1], &out[0])
    return counts


# ---- C functions for other modules, declared in _bitops.pxd


cdef const KernelTable* kernels_at_import() except NULL:
    # A wrong BITINDEX_ISA must not keep bitindex from being imported: the Python functions report
    # it when they are called, and these functions, which cannot raise, use the generic kernels.
    try:
        return &active_kernels()
    except ValueError:
        return &kernels_named(b"generic")


cdef const KernelTable* imported_kernels = kernels_at_import()


cdef uint32_t popcount_code(const uint8_t* code, size_t n_bytes) noexcept nogil:
    cdef uint32_t count
    imported_kernels.popcount_rows(code, 1, n_bytes, &count)
    return count


cdef uint32_t hamming_distance(const uint8_t* a, const uint8_t* b, size_t n_bytes) noexcept nogil:
    cdef uint32_t count
    imported_kernels.xor_count_rows(a, b, 1, n_bytes, &count)
    return count


cdef uint32_t and_count(const uint8_t* a, const uint8_t* b, size_t n_bytes) noexcept nogil:
    cdef uint32_t count
    imported_kernels.and_count_rows(a, b, 1, n_bytes, &count)
    return count


cdef void popcount_rows(
    const uint8_t* rows, size_t n_rows, size_t n_bytes, uint32_t* counts
) noexcept nogil:
    imported_kernels.popcount_rows(rows, n_rows, n_bytes, counts)


cdef void hamming_distance_rows(
    const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes, uint32_t* counts
) noexcept nogil:
    imported_kernels.xor_count_rows(query, rows, n_rows, n_bytes, counts)


cdef void and_count_rows(
    const uint8_t* query, const uint8_t* rows, size_t n_rows, size_t n_bytes, uint32_t* counts
) noexcept nogil:
    imported_kernels.and_count_rows(query, rows, n_rows, n_bytes, counts)
