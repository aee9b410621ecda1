"""What becomes of a file in which a byte has changed, or which was cut?"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm
from trust_cases import count_outcomes, outcome_of
from trust_subjects import LARGE, THIS_LIBRARY, Answers, Subject, of_each_kind

Row = dict[str, Any]

# Of larger files not every byte is tried, but one in so many; to map a file is tried less often.
MOST_TRIED = 10_000
STEP = 17
QUICK_STEP = 997


class Damage:
    """A file, its answers, and the ways to damage it."""

    def __init__(self, subject: Subject, path: Path, n_rows: int) -> None:
        self.subject, self.path = subject, path
        subject.save(path, n_rows)
        self.content = path.read_bytes()
        self.expected: Answers = subject.ask(subject.load(path))

    def flip(self, positions: Sequence[int], masks: list[int], what: str, **options: Any) -> Row:
        """Change one byte a case; there is a mask for each byte of the file."""

        def damaged(position: int) -> bytes:
            content = bytearray(self.content)
            content[position] ^= masks[position]
            return bytes(content)

        return self._try_all(what, positions, damaged, **options)

    def cut(self, lengths: Sequence[int], what: str) -> Row:
        """Keep so many bytes only."""
        return self._try_all(what, lengths, lambda length: self.content[:length])

    def _try_all(
        self, what: str, cases: Sequence[int], damaged: Callable[[int], bytes], **options: Any
    ) -> Row:
        subject = replace(self.subject, load=functools.partial(self.subject.load, **options))

        def try_case(case: int) -> str:
            self.path.write_bytes(damaged(cases[case]))
            return outcome_of(subject, self.path, self.expected)

        name = f"{subject.library}, {subject.name}: {what}"
        counts = count_outcomes(len(cases), try_case, name)
        facts = {"library": subject.library, "name": subject.name, "what": what}
        return facts | {"bytes": len(self.content), "cases": len(cases)} | counts


def damage_rows(
    subjects: list[Subject], folder: Path, n_random: int, n_of_peers: int
) -> Iterator[Row]:
    """Yield what came of changed bytes and cuts of small files: all there are, but of peers some.

    Of large files, one of each kind, `n_random` bytes are changed, or none.
    """
    rng = np.random.default_rng(0)
    large_ones = of_each_kind(subjects) if n_random else []
    for subject in tqdm(subjects, desc="files", disable=None):
        is_own = subject.library == THIS_LIBRARY
        small = Damage(subject, folder / "damaged", subject.small)
        n_bytes = len(small.content)
        masks = rng.integers(1, 256, n_bytes).tolist()
        step = 1 if n_bytes <= MOST_TRIED else STEP
        if not is_own:
            step = max(step, n_bytes // n_of_peers)
        yield small.flip(range(0, n_bytes, step), masks, "a byte changed")
        if is_own:
            some = range(0, n_bytes, 3 * step)
            yield small.flip(some, masks, "a byte changed, mapped", mmap=True)
            unchecked = {"mmap": True, "verify": False}
            yield small.flip(some, masks, "a byte changed, unverified", **unchecked)
        yield small.cut(range(0, n_bytes, step), "cut")
        if subject in large_ones:
            large = Damage(subject, folder / "damaged", LARGE)
            n_cases = n_random if is_own else n_of_peers
            positions = rng.integers(0, len(large.content), n_cases).tolist()
            masks = rng.integers(1, 256, len(large.content)).tolist()
            yield large.flip(positions, masks, "a byte of a large file changed")


def quick_rows(subjects: list[Subject], folder: Path) -> Iterator[Row]:
    """Yield what came of a few changed bytes of this library's files."""
    for subject in subjects:
        if subject.library == THIS_LIBRARY:
            small = Damage(subject, folder / "damaged", subject.small)
            n_bytes = len(small.content)
            positions, masks = range(0, n_bytes, QUICK_STEP), [255] * n_bytes
            yield small.flip(positions, masks, "a byte changed")
            unchecked = {"mmap": True, "verify": False}
            yield small.flip(positions, masks, "a byte changed, unverified", **unchecked)
