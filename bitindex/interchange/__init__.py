"""Files of other libraries."""

from bitindex.interchange.faiss import read_faiss, write_faiss

__all__ = ["read_faiss", "write_faiss"]
