"""Tries cases in forked children, so that a crash is an outcome like others."""

from __future__ import annotations

import json
import os
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from tqdm import tqdm
from trust_subjects import Answers, Subject

OUTCOMES: Final = ("refused", "harmless", "wrong", "crash")
SECONDS_OF_A_CASE = 5
ADDRESS_SPACE = 8 << 30


def count_outcomes(n_cases: int, try_case: Callable[[int], str], name: str) -> dict[str, int]:
    """Return how often each outcome came about.

    `try_case` returns one, but for "crash": that a signal ended the process, or that the case
    took too long.
    """
    counts: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
    with tqdm(total=n_cases, desc=name, leave=False, disable=None) as bar:
        done = 0
        while done < n_cases:
            for outcome in _outcomes_of_a_child(range(done, n_cases), try_case):
                counts[outcome] += 1
                done += 1
                bar.update()
    return dict(counts)


def in_child(function: Callable[[], Any]) -> Any:
    """Return what a function returns, as JSON can hold it, from a child of this process.

    Raises
    ------
    RuntimeError
        If the child crashes, or the function raises an error.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(function()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    if not answer:
        raise RuntimeError("a child ended without an answer")
    return json.loads(answer)


def _outcomes_of_a_child(cases: range, try_case: Callable[[int], str]) -> Iterator[str]:
    """Yield outcomes up to the first crash."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run_child(cases, try_case, writing)
    os.close(writing)
    n_read = 0
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while numbers := pipe.read(512):
            n_read += len(numbers)
            yield from (OUTCOMES[number] for number in numbers)
    os.waitpid(child, 0)
    if n_read < len(cases):
        yield "crash"


def _run_child(cases: range, try_case: Callable[[int], str], writing: int) -> None:
    """Write the number of each outcome; never returns."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        for case in cases:
            signal.alarm(SECONDS_OF_A_CASE)
            os.write(writing, bytes([OUTCOMES.index(try_case(case))]))
    finally:
        os._exit(0)


def outcome_of(subject: Subject, path: Path, expected: Answers) -> str:
    """Load a file that may be damaged, and compare its answers."""
    try:
        loaded = subject.load(path)
    except subject.refusals:
        return "refused"
    except Exception:
        return "wrong"
    try:
        answers = subject.ask(loaded)
    except Exception:
        return "wrong"
    same = len(answers) == len(expected) and all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in zip(answers, expected, strict=True)
    )
    return "harmless" if same else "wrong"
