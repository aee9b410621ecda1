"""Can it be trusted? Damage, kills, full disks, readers and a writer, and what checks cost."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before any peer is loaded: threads of OpenMP do not survive the forks.
os.environ["OMP_NUM_THREADS"] = "1"

from common import versions_of, write_results
from readers_and_writer import measure
from trust_collection import kill_writers_row
from trust_collection_calls import BROKEN, collection_call_rows
from trust_costs import load_times, memory_rows
from trust_damage import damage_rows, quick_rows
from trust_disk import call_rows, full_disk_row
from trust_kills import kill_row
from trust_section import results_name
from trust_subjects import THIS_LIBRARY, all_subjects, check_kinds, of_each_kind

PEERS = ("faiss-cpu", "usearch", "turbovec")
LARGE_FILES = (1 << 28, 1 << 30)
WRITTEN_KINDS = ("flat", "ivf", "mih")  # which answer exactly, so that every answer can be checked
# Parts that write a million files, or time how they are read, stay off the disk if they can.
IN_MEMORY = ("damage", "times", "memory")
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None

Part = Callable[[argparse.Namespace, Path], Any]


def damage(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    subjects = all_subjects()
    check_kinds(subjects)
    if arguments.quick:
        return list(quick_rows(subjects, folder))
    return list(damage_rows(subjects, folder, arguments.random, arguments.of_peers))


def full_disk(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    n_sizes = 3 if arguments.quick else 20
    subjects = of_each_kind(all_subjects())
    return [full_disk_row(subject, folder / "limited", n_sizes) for subject in subjects]


def failing_calls(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    return call_rows(folder)


def kills(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    return kill_row(folder, 20 if arguments.quick else arguments.kills)


def collection(arguments: argparse.Namespace, folder: Path) -> dict[str, int]:
    return kill_writers_row(folder, 5 if arguments.quick else arguments.kills)


def collection_calls(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    return collection_call_rows(folder, 7 if arguments.quick else 1)


def writer(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    n_codes, seconds = (10_000, 2) if arguments.quick else (100_000, 60)
    return [measure(kind, n_codes, 8, seconds, arguments.turns) for kind in WRITTEN_KINDS]


def times(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    sizes = [1 << 24] if arguments.quick else LARGE_FILES
    return [load_times(folder / "large", n_bytes, arguments.turns) for n_bytes in sizes]


def memory(arguments: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    return list(memory_rows(folder, 20_000 if arguments.quick else 1_000_000))


# THE list of parts, as in trust_section.py.
PARTS: dict[str, Part] = {
    "damage": damage,
    "full disk": full_disk,
    "failing calls": failing_calls,
    "kills": kills,
    "collection": collection,
    "collection calls": collection_calls,
    "writer": writer,
    "times": times,
    "memory": memory,
}


def broken_promises(results: dict[str, Any]) -> list[str]:
    """Return what files of this library have done that they must not."""
    broken = []
    for part in ("damage", "full disk"):
        for row in results.get(part, []):
            may_be_wrong = row.get("what", "").endswith("unverified")
            if row["library"] == THIS_LIBRARY and (
                row["crash"] or (row["wrong"] and not may_be_wrong)
            ):
                broken.append(f"{part}: {row}")
    for row in results.get("failing calls", []):
        if row["outcome"] not in ("OSError, old file whole", "OSError, new file whole"):
            broken.append(f"failing calls: {row}")
    for row in results.get("collection calls", []):
        if row[BROKEN]:
            broken.append(f"collection calls: {row}")
    killed = results.get("kills", {})
    if killed.get("damaged") or killed.get("temporary files after the next save"):
        broken.append(f"kills: {killed}")
    for row in results.get("writer", []):
        if row["wrong"]:
            broken.append(f"writer: {row}")
    return broken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="some cases of each part, no results")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument(
        "--random", type=int, default=10_000, metavar="N", help="bytes of large files"
    )
    parser.add_argument("--of-peers", type=int, default=1_000, metavar="N", help="cases of peers")
    parser.add_argument("--kills", type=int, default=500, metavar="N")
    parser.add_argument("--turns", type=int, default=7, metavar="N")
    arguments = parser.parse_args()

    results = {}
    peers = versions_of(PEERS)
    for name in arguments.only:
        print(f"trust: {name} ...", flush=True)
        with tempfile.TemporaryDirectory(dir=MEMORY if name in IN_MEMORY else None) as folder:
            results[name] = PARTS[name](arguments, Path(folder))
        if not arguments.quick:
            file_name = results_name(name)
            print(f"written: {write_results(file_name, vars(arguments), results[name], **peers)}")
    if broken := broken_promises(results):
        sys.exit("\n".join(["trust: promises are broken:", *broken]))


if __name__ == "__main__":
    main()
