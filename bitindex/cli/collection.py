"""What ``bitindex verify`` says of a collection."""

from __future__ import annotations

import warnings
from pathlib import Path

from bitindex._layout import format_fields
from bitindex.cli.command import CommandError


def verify_collection(path: str) -> None:
    """Print what a collection holds, or raise CommandError with all that is wrong with it."""
    from bitindex.collection import Collection  # with sqlite3, which the other commands do not need

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a damaged image, which check finds too
        collection = Collection.open(path, read_only=True)
    with collection:
        problems = collection.check()
        n_documents = len(collection)
    if problems:
        raise CommandError(f"{path}: {'; '.join(problems)}")
    n_bytes = sum(file.stat().st_size for file in Path(path).iterdir())
    print(f"{path}: intact\n")
    print(
        format_fields(
            [
                ("class", Collection.__name__),
                ("documents", f"{n_documents:,}"),
                ("bytes", f"{n_bytes:,}"),
            ]
        )
    )
