"""``bitindex verify``: check a saved file or a collection, and tell what it holds."""

from __future__ import annotations

import argparse
from pathlib import Path

from bitindex._layout import format_fields, format_table
from bitindex.cli.collection import verify_collection
from bitindex.cli.command import Command
from bitindex.storage import load, read_file


def _run(arguments: argparse.Namespace) -> None:
    if Path(arguments.file).is_dir():
        verify_collection(arguments.file)
        return
    # Mapped, a file larger than the memory can be checked too.
    held = load(arguments.file, mmap=True)
    stored = read_file(arguments.file, mmap=True, verify=False)
    n_bytes = sum(array.nbytes for array in stored.sections.values())
    print(f"{arguments.file}: intact\n")
    print(
        format_fields(
            [
                ("kind", stored.kind),
                ("class", type(held).__name__),
                ("rows", f"{len(held):,}"),
                ("bytes", f"{n_bytes:,} in {len(stored.sections)} sections"),
                ("writer", stored.writer),
            ]
        )
    )
    print()
    print(
        format_table(
            ("section", "type", "shape", "bytes"),
            [
                (
                    name,
                    str(array.dtype),
                    " x ".join(f"{length:,}" for length in array.shape),
                    f"{array.nbytes:,}",
                )
                for name, array in stored.sections.items()
            ],
        )
    )


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a file that save wrote, or a collection")


COMMAND = Command(
    summary="check that an index or a collection is intact, and print what it holds",
    description="Read a file as a whole, compare every checksum, check that its arrays do not\n"
    "contradict each other, and print what the file holds. Of a collection, the directory,\n"
    "also compare what is kept twice. The exit code is 0 if it is intact, and 1 if it is\n"
    "damaged, missing or not of bitindex; the message then names the part that is damaged.",
    examples="examples:\n  bitindex verify index.bitx\n  bitindex verify documents/",
    add_arguments=_add_arguments,
    run=_run,
)
