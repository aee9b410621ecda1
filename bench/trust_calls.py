"""Lets system calls that write fail, by a library that is preloaded: failing_calls.c."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

SHIM = Path(__file__).parent / "failing_calls.c"
ALL = 1 << 30


def rows_of_program(program: str, folder: Path, *arguments: object) -> list[dict[str, Any]]:
    """Return what a program prints as JSON that runs with the library; it gets a folder first.

    Empty where there is no compiler.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        print("trust: no C compiler ($CC), so no call can be made to fail", file=sys.stderr)
        return []
    shim = folder / "failing_calls.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(shim), str(SHIM), "-ldl"]
    subprocess.run(command, check=True)
    answer = subprocess.run(
        [sys.executable, program, str(folder), *map(str, arguments)],
        env=os.environ | {"LD_PRELOAD": str(shim)},
        check=True,
        stdout=subprocess.PIPE,
    )
    rows: list[dict[str, Any]] = json.loads(answer.stdout)
    return rows


class FailingCalls:
    """The library, in a program that runs with it."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.failed_call.restype = ctypes.c_char_p

    def fail(self, first: int, n: int, call: Callable[[], object]) -> tuple[str, str]:
        """Make a call in which n system calls fail, from one on that is counted from 1.

        Returns
        -------
        name : str
            The first that failed; empty where there are not so many.
        error : str
            The type of the error that the call has raised; empty if it has raised none.
        """
        self._library.fail_calls(first, n)
        try:
            call()
            error = ""
        except OSError:
            error = "OSError"
        except Exception as other:
            error = type(other).__name__
        name = self._library.failed_call().decode()
        self._library.fail_calls(0, 0)
        return name, error
