"""``bitindex verify``: check a saved file and tell what it holds."""

from __future__ import annotations

import argparse

from bitindex._layout import format_fields, format_table
from bitindex.cli.command import Command
from bitindex.storage import load, read_file


def _run(arguments: argparse.Namespace) -> None:
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
    parser.add_argument("file", metavar="FILE", help="a file that save wrote, customarily .bitx")


COMMAND = Command(
    summary="check that a saved index is intact, and print what it holds",
    description="Read a file as a whole, compare every checksum, check that its arrays do not\n"
    "contradict each other, and print what the file holds.\n"
    "The exit code is 0 if the file is intact, and 1 if it is damaged, missing or no\n"
    "file of bitindex; the message then names the part that is damaged.",
    examples="example:\n  bitindex verify index.bitx",
    add_arguments=_add_arguments,
    run=_run,
)
