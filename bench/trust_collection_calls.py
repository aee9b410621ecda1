"""What is left of a collection when system calls fail while it writes?"""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from trust_calls import ALL, FailingCalls, rows_of_program

import bitindex as bi
from bitindex.collection import written_documents

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from collection_model import assert_holds, empty_index
from small_collection import columns

Model = dict[Any, tuple[int, str | None, dict[str, Any]]]

BROKEN = "lost, damaged or left over"
OUTCOMES = ("OSError, nothing done", "OSError, all done", "no error, all done", BROKEN)


def documents(ids: range, word: str) -> Model:
    """Return documents so long that a few fill pages of the database."""
    return {i: (i, f"{word} {i} " * 200, {"number": i}) for i in ids}


OLD, ADDED, LATER = (
    documents(range(12), "old"),
    documents(range(20, 32), "new"),
    documents(range(50, 51), "later"),
)
REPLACED = documents(range(6, 18), "other")

# What is called, with a place for a backup, and what the collection holds afterwards.
CALLS: dict[str, tuple[Callable[[bi.Collection, Path], object], Model]] = {
    "add": (lambda collection, _: collection.add(*columns(ADDED)), OLD | ADDED),
    "upsert": (
        lambda collection, _: collection.upsert(*columns(REPLACED)),
        {i: OLD[i] for i in range(6)} | REPLACED,
    ),
    "delete": (
        lambda collection, _: collection.delete(range(6)),
        {i: OLD[i] for i in range(6, 12)},
    ),
    "compact": (lambda collection, _: collection.compact(), OLD),
    "backup": (lambda collection, place: collection.backup(place), OLD),
    "close": (lambda collection, _: collection.close(), OLD),
}


def collection_call_rows(folder: Path, step: int) -> list[dict[str, Any]]:
    """Let each `step`-th system call of each call fail, alone and with all that follow."""
    return rows_of_program(__file__, folder, step)


def fail_calls(folder: Path, step: int) -> list[dict[str, Any]]:
    """Return what came of that, call by call."""
    # So few that what changes these documents writes an image of the index, too.
    written_documents._CHANGES_BEFORE_IMAGE = 5
    with bi.Collection.create(folder / "start", empty_index()) as collection:
        collection.add(*columns(OLD))
    failing = FailingCalls()
    rows = []
    for name in CALLS:
        outcomes = Counter(dict.fromkeys(OUTCOMES, 0))
        for n in (1, ALL):
            for first in count(1, step):
                outcome = outcome_of(name, folder, failing, first, n)
                if outcome is None:
                    break
                outcomes[outcome] += 1
        rows.append({"call": name, "cases": outcomes.total(), **outcomes})
    return rows


def outcome_of(name: str, folder: Path, failing: FailingCalls, first: int, n: int) -> str | None:
    """Let n system calls of a call fail, from the `first` on; None where there are not so many."""
    call, after = CALLS[name]
    place = folder / "cases"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder / "start", place / "documents")
    with bi.Collection.open(place / "documents") as collection:
        # Gives compact and close something to write.
        collection.upsert(*columns({11: OLD[11]}))
        failed, error = failing.fail(first, n, lambda: call(collection, place / "backup"))
        if not failed:
            return None
        try:
            assert error in ("", "OSError"), error
            # Of a commit that fails while it is synced nobody knows.
            model = check_what_is_left(place, collection, [OLD, after] if error else [after])
            check_backup(place / "backup", is_there=name == "backup" and not error)
        except (AssertionError, OSError, ValueError, KeyError) as problem:
            print(f"{name}, {failed} {first}: {error or 'no error'}, {problem!r}", file=sys.stderr)
            return BROKEN
    if error:
        return "OSError, nothing done" if model is OLD else "OSError, all done"
    return "no error, all done"


def check_what_is_left(place: Path, collection: bi.Collection, models: list[Model]) -> Model:
    """Compare what a power cut leaves, and what the process goes on with; return the latter."""
    path, copy = place / "documents", place / "killed"
    shutil.copytree(path, copy)
    with bi.Collection.open(copy) as killed:
        which_it_holds(killed, models)
        assert killed.check() == []
    if collection._truth.closed:
        collection = bi.Collection.open(path)
    model = which_it_holds(collection, models)
    collection.add(*columns(LATER))
    collection.close()
    with bi.Collection.open(path) as again:
        assert_holds(again, model | LATER)
        assert again.check() == []
    left = [*place.glob(".*.tmp"), *path.glob(".*.tmp")]
    assert left == [], left
    return model


def which_it_holds(collection: bi.Collection, models: list[Model]) -> Model:
    """Return the one of the models whose documents are there; they must be as it says."""
    ids = list(collection)
    model = next((model for model in models if list(model) == ids), models[0])
    assert_holds(collection, model)
    return model


def check_backup(path: Path, is_there: bool) -> None:
    """Look whether it is there whole, or not at all."""
    assert path.exists() == is_there, "half a backup"
    if is_there:
        with bi.Collection.open(path, read_only=True) as backup:
            assert_holds(backup, OLD)


if __name__ == "__main__":
    print(json.dumps(fail_calls(Path(sys.argv[1]), int(sys.argv[2]))))
