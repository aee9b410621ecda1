"""What a document is, and the checks of what users pass for it."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

DocumentId = str | int

_SMALLEST_INTEGER, _LARGEST_INTEGER = -(2**63), 2**63 - 1


class Document(NamedTuple):
    """What a collection keeps of a document, besides its embedding.

    Attributes
    ----------
    id : str or int
    text : str or None
    metadata : dict
    """

    id: DocumentId
    text: str | None
    metadata: dict[str, Any]


class Hit(NamedTuple):
    """A document that a search has found.

    Attributes
    ----------
    id : str or int
    score : float
        Its similarity to the query; larger is more similar.
    text : str or None
    metadata : dict
    """

    id: DocumentId
    score: float
    text: str | None
    metadata: dict[str, Any]


def as_document_ids(ids: object) -> list[DocumentId]:
    """Return distinct ids as a list of str and int."""
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise TypeError(f"ids must be a list of str or int, got {type(ids).__name__}")
    values = [as_document_id(value) for value in ids]
    if len(set(values)) < len(values):
        (repeated, _), *_ = Counter(values).most_common(1)
        raise ValueError(f"ids must be distinct, got id {repeated!r} more than once")
    return values


def as_document_id(id: object) -> DocumentId:
    """Return one id as a str or an int."""
    if isinstance(id, str):
        return as_text(id, "an id")
    if isinstance(id, bool | np.bool_) or not hasattr(id, "__index__"):
        raise TypeError(f"an id must be a str or an int, got {type(id).__name__}")
    return as_integer(operator.index(id), "an id")


def as_integer(number: int, what: str) -> int:
    """Return an integer that a database holds."""
    if not _SMALLEST_INTEGER <= number <= _LARGEST_INTEGER:
        raise ValueError(f"{what} must be an integer of 64 bits, got {number}")
    return number


def as_text(text: str, what: str) -> str:
    """Return a string that a database compares as Python does."""
    if "\0" in text:
        raise ValueError(f"{what} must not contain the character U+0000, got {_short(text)}")
    return as_unicode(text, what)


def as_unicode(text: str, what: str) -> str:
    """Return a string that a database keeps."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{what} must be valid Unicode, got {_short(text)}: {error.reason}"
        ) from error
    return str(text)


def _short(text: str) -> str:
    return repr(text if len(text) <= 50 else f"{text[:47]}...")


def as_texts(texts: object, n_rows: int) -> list[str | None]:
    """Return a text, or None, for each row."""
    values = _one_for_each(texts, "texts", n_rows)
    for number, text in enumerate(values):
        if text is not None and not isinstance(text, str):
            raise TypeError(f"texts must be str or None, got {type(text).__name__} at {number}")
    return [None if text is None else as_unicode(text, "a text") for text in values]


def as_metadata(metadata: object, n_rows: int) -> list[dict[str, Any]]:
    """Return a dict for each row."""
    values = _one_for_each(metadata, "metadata", n_rows)
    for number, fields in enumerate(values):
        if fields is not None and not isinstance(fields, dict):
            raise TypeError(
                f"metadata must be dicts or None, got {type(fields).__name__} at {number}"
            )
    return [{} if fields is None else fields for fields in values]


def _one_for_each(values: object, name: str, n_rows: int) -> Sequence[Any]:
    if values is None:
        return [None] * n_rows
    if isinstance(values, str | bytes | dict) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list with one item per row, got {type(values).__name__}")
    items = list(values)
    if len(items) != n_rows:
        raise ValueError(f"{name} must have one item per row ({n_rows} rows), got {len(items)}")
    return items
