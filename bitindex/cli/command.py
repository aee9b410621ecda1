"""What a subcommand consists of."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


class CommandError(Exception):
    """Something that the user can put right; shown as one line, without a traceback."""


@dataclass(frozen=True)
class Command:
    """A subcommand; its name stands in the list of them.

    Attributes
    ----------
    summary : str
        One line for ``bitindex --help``.
    description, examples : str
        Above and below the arguments in the help of the command, in lines of at most 80 characters.
    add_arguments : callable
        Adds the command's arguments to its parser.
    run : callable
        Takes the parsed arguments and prints the results. Errors that a user may meet are raised
        as CommandError, OSError or ValueError.
    """

    summary: str
    description: str
    examples: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]
