"""IndexBinaryFlat: codes one behind the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bitindex.faiss_files.content import Content
from bitindex.faiss_files.record import Part, Reader, header_part, read_header, vector_parts
from bitindex.index import FlatIndex


def read_flat(reader: Reader) -> Content:
    """Read an IndexBinaryFlat behind its letters."""
    header = read_header(reader)
    codes = reader.vector("|u1", header.n * header.n_bytes, "the codes")
    return Content(FlatIndex, codes.reshape(header.n, header.n_bytes))


def flat_parts(codes: npt.NDArray[np.uint8]) -> Iterator[Part]:
    """Yield codes as an IndexBinaryFlat, which numbers them."""
    yield header_part("IBxF", codes)
    yield from vector_parts(codes, "|u1")
