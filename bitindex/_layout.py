"""Text in columns and paragraphs, for a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

_NARROWEST = 40
_WIDEST = 100


def format_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, one line a row.

    The first column is flush left like text, the others flush right like numbers.
    """
    lines = [headers, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def format_fields(fields: Sequence[tuple[str, str]]) -> str:
    """Return names and values in two columns."""
    width = max(len(name) for name, _ in fields)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in fields)


def wrapped(text: str, start: str = "") -> str:
    """Return a paragraph as wide as the terminal; it hangs from `start`."""
    width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))
    return textwrap.fill(
        text,
        width,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
    )
