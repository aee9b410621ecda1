"""Metadata as the JSON text that SQLite reads fields of.

SQLite names a field by a path in which nothing can stand for a quote, and compares names with the
text as it is written, backslashes included. So the few characters that JSON writes with a backslash
are written as "%" and two hexadecimal digits in names, here and in paths.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from bitindex.collection.documents import as_integer, as_text, as_unicode

_MOST_LEVELS = 100  # SQLite, too, reads JSON up to some depth only

_UNSAFE = re.compile(r'[%"\\\x00-\x1f]')
_ESCAPE = re.compile(r"%([0-9a-f]{2})")


def metadata_text(fields: dict[str, Any]) -> str:
    """Return metadata as JSON.

    Raises
    ------
    TypeError
        If something in it is no value of JSON.
    ValueError
        If a number is not finite or has more than 64 bits, a string is no valid Unicode or contains
        U+0000, or it is nested too deeply.
    """
    checked = _checked(fields, ())
    return json.dumps(checked, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def metadata_fields(text: str) -> dict[str, Any]:
    """Return what :func:`metadata_text` was given."""
    hook = _unescaped if "%" in text else None
    fields: dict[str, Any] = json.loads(text, object_pairs_hook=hook)
    return fields


def escaped_name(name: str) -> str:
    """Return the name of a field as it stands in the text."""
    return _UNSAFE.sub(lambda match: f"%{ord(match[0]):02x}", name)


def _unescaped(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {_ESCAPE.sub(lambda match: chr(int(match[1], 16)), name): x for name, x in pairs}


def _checked(value: object, path: tuple[str, ...]) -> Any:
    """Return a value with escaped names."""
    if value is None or isinstance(value, bool):
        return value
    if type(value) is str:
        return as_text(value, f"metadata at {_shown(path)}")
    if type(value) is int:
        return as_integer(value, f"metadata at {_shown(path)}")
    if type(value) is float:
        if not math.isfinite(value):
            raise ValueError(f"metadata must hold finite numbers, got {value} at {_shown(path)}")
        return value
    if len(path) > _MOST_LEVELS:
        raise ValueError(f"metadata must have at most {_MOST_LEVELS} levels")
    if type(value) is list:
        return [_checked(item, (*path, str(i))) for i, item in enumerate(value)]
    if type(value) is not dict:
        raise TypeError(
            "metadata must hold None, bool, int, float, str, lists and dicts, "
            f"got {type(value).__name__} at {_shown(path)}"
        )
    return {
        escaped_name(_checked_name(name, path)): _checked(item, (*path, name))
        for name, item in value.items()
    }


def _checked_name(name: object, path: tuple[str, ...]) -> str:
    if type(name) is not str:
        raise TypeError(f"names of fields must be str, got {type(name).__name__} at {_shown(path)}")
    return as_unicode(name, "the name of a field")


def _shown(path: tuple[str, ...]) -> str:
    return repr("/".join(path)) if path else "its top"
