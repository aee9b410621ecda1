"""``bitindex info``: what is installed, and what this machine makes of it."""

from __future__ import annotations

import argparse
import json
import platform
from typing import Any

import numpy as np

import bitindex
from bitindex import _core
from bitindex._layout import format_fields
from bitindex.cli.command import Command


def installation() -> dict[str, Any]:
    """Return versions, compiler, instruction sets and threads, as JSON values.

    Raises
    ------
    ValueError
        If BITINDEX_ISA or BITINDEX_NUM_THREADS asks for something that is not there.
    """
    return {
        "bitindex": bitindex.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "compiler": _core.compiler(),
        "isa": {
            "compiled": _core.compiled_isas(),
            "supported": _core.supported_isas(),
            "chosen": _core.active_isa(),
        },
        "threads": bitindex.get_num_threads(),
    }


def _run(arguments: argparse.Namespace) -> None:
    facts = installation()
    if arguments.json:
        print(json.dumps(facts, indent=2))
        return
    isa = facts["isa"]
    print(
        format_fields(
            [
                ("bitindex", facts["bitindex"]),
                ("Python", facts["python"]),
                ("NumPy", facts["numpy"]),
                ("platform", facts["platform"]),
                ("compiler", facts["compiler"]),
                ("instruction sets compiled", ", ".join(isa["compiled"])),
                ("  supported by this CPU", ", ".join(isa["supported"])),
                ("  chosen", isa["chosen"]),
                ("threads", str(facts["threads"])),
            ]
        )
    )


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


COMMAND = Command(
    summary="print versions, instruction sets and threads",
    description="Print versions, the compiler and instruction sets of the core, and how many\n"
    "threads a search uses.",
    examples="environment:\n"
    "  BITINDEX_ISA          instruction set to use instead of the best supported one\n"
    "  BITINDEX_NUM_THREADS  threads to use instead of one for each CPU of this process\n"
    "\n"
    "example:\n"
    "  BITINDEX_ISA=generic bitindex info --json",
    add_arguments=_add_arguments,
    run=_run,
)
