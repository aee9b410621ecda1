"""Documents in a directory: the database is the truth, the index a fast copy of it.

Why it is so: docs/decisions/collections.md.
"""

from bitindex.collection.collection import Collection
from bitindex.collection.documents import Document, Hit

__all__ = ["Collection", "Document", "Hit"]
