"""The ``bitindex`` command. Each subcommand is one file of this folder."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import bitindex
from bitindex.cli import demo, info, tune, verify
from bitindex.cli.command import Command, CommandError

__all__ = ["main"]

# THE list of subcommands.
COMMANDS: dict[str, Command] = {
    "demo": demo.COMMAND,
    "info": info.COMMAND,
    "tune": tune.COMMAND,
    "verify": verify.COMMAND,
}

EXIT_ERROR = 1
# What a shell reports for a program that was ended by these signals: 128 + the signal's number.
EXIT_INTERRUPTED = 128 + 2
EXIT_BROKEN_PIPE = 128 + 13


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of this process.

    Returns
    -------
    int
        0; 1 after an error, told in one line on standard error; 2 if the arguments are wrong;
        130 after Ctrl-C; 141 if the reader of standard output has gone.
    """
    try:
        exit_code = _run(arguments)
        sys.stdout.flush()  # here, where a reader that has gone can still be handled
        return exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes once more at its end, and must not fail at that either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE


def _run(arguments: Sequence[str] | None) -> int:
    try:
        parsed = _parser().parse_args(arguments)
    except SystemExit as end:  # --help, --version, or wrong arguments; argparse has said which
        return end.code if isinstance(end.code, int) else EXIT_ERROR
    try:
        COMMANDS[parsed.command].run(parsed)
    except BrokenPipeError:
        raise
    except (CommandError, OSError, ValueError) as error:
        print(f"bitindex {parsed.command}: error: {_one_line(error)}", file=sys.stderr)
        return EXIT_ERROR
    return 0


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bitindex",
        description="Embedding search in bits.",
        epilog="examples:\n"
        "  bitindex demo               see what binary codes cost and keep, in a few seconds\n"
        "  bitindex info --json        what a report of a fault should include\n"
        "  bitindex tune vectors.npy   find the recipe that suits your embeddings\n"
        "  bitindex verify index.bitx  check that a saved index is intact\n"
        "\n"
        "bitindex COMMAND --help tells more about a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bitindex {bitindex.__version__}")
    subparsers = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(
            name,
            help=command.summary,
            description=command.description,
            epilog=command.examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(subparser)
    return parser
