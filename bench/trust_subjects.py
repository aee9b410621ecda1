"""The files that trust.py damages: of every kind of bitindex, and of its peers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import peer

import bitindex as bi
from bitindex.index import EMBEDDING_KINDS, INDEX_KINDS
from bitindex.rescoring import VECTOR_TYPES
from bitindex.similarity import SIMILARITIES
from bitindex.storage import KINDS, FileFormatError

Answers = list[npt.NDArray[Any]]

N_BITS = 64
N_DIMS = 16
K = 10
# So few rows that every byte of the file can be tried; as many as the kind needs for a structure.
SMALL = 80
LARGE = 8_000
SMALL_OF_KIND = {"mih": 1_100}
OPTIONS: dict[str, dict[str, Any]] = {
    "ivf": {"n_lists": 4, "nprobe": 2},
    "hnsw": {"m": 4, "ef": 8},
    "mih": {"n_substrings": 8, "fall_back": False},
}
THIS_LIBRARY = "bitindex"


@dataclass(frozen=True)
class Subject:
    """A kind of file.

    Attributes
    ----------
    library, name : str
    small : int
        Rows of a small file.
    save : callable
        Makes an index of so many rows and saves it.
    load : callable
        Returns what a file holds, or raises an error.
    ask : callable
        Returns the answers of what was loaded.
    refusals : tuple of exception types
        What `load` may raise to refuse a file; any other error is a wrong answer.
    """

    library: str
    name: str
    small: int
    save: Callable[[Path, int], None]
    load: Callable[[Path], Any]
    ask: Callable[[Any], Answers]
    refusals: tuple[type[BaseException], ...] = (Exception,)

    @property
    def kind(self) -> str:
        return self.name.partition(",")[0]


def all_subjects() -> list[Subject]:
    """Return the subjects of this library and of the peers that are installed."""
    return [*own_subjects(), *faiss_subjects(), *usearch_subjects(), *turbovec_subjects()]


def of_each_kind(subjects: list[Subject]) -> list[Subject]:
    """Return one subject of each kind of file of this library, and all of the peers."""
    chosen = {(s.library, s.kind): s for s in reversed(subjects)}
    return list(reversed(chosen.values()))


def random_codes(n: int) -> npt.NDArray[np.uint8]:
    codes = np.random.default_rng(n).integers(0, 256, (n, N_BITS // 8), dtype=np.uint8)
    codes[n // 2 : n // 2 + 5] = codes[0]
    return codes


def random_vectors(n: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(n).standard_normal((n, N_DIMS), dtype=np.float32)


def own_subjects() -> Iterator[Subject]:
    """Yield a subject for each kind, its metrics, its similarities and vectors for rescoring."""
    for kind, index_type in INDEX_KINDS.items():
        options = OPTIONS.get(kind, {})
        for metric in (m for m in ("hamming", "jaccard", "sdc2") if m in index_type.metrics):
            yield packed_subject(f"{kind}, {metric}", kind, metric=metric, **options)
    yield packed_subject("flat, jaccard, by popcount", "flat", metric="jaccard", sort_by="popcount")
    for kind in EMBEDDING_KINDS:
        yield embedding_subject(f"embedding, {kind}", kind=kind, **OPTIONS.get(kind, {}))
    for similarity in SIMILARITIES:
        for rescore in VECTOR_TYPES:
            name = f"embedding, {similarity}, {rescore}"
            yield embedding_subject(name, similarity=similarity, rescore=rescore)
    yield embedding_subject("embedding, two versions", n_versions=2)


def check_kinds(subjects: list[Subject]) -> None:
    """Stop unless every kind that can be saved is among the subjects."""
    kinds = {s.kind for s in subjects if s.library == THIS_LIBRARY}
    if missing := KINDS.keys() - kinds:
        sys.exit(f"trust: trust_subjects.py has no file of the kinds {', '.join(missing)}")


def packed_subject(name: str, kind: str, **options: Any) -> Subject:
    def save(path: Path, n: int) -> None:
        index = INDEX_KINDS[kind](N_BITS, **options)
        index.add(random_codes(n), np.random.default_rng(0).permutation(2 * n)[:n])
        index.save(path)

    def ask(index: Any) -> Answers:
        queries = random_codes(7)
        radius = 20 if index.metric == "hamming" else 0.5
        found = index.search(queries, K, threads=1)
        return [*found, *index.range_search(queries, radius, threads=1), index.ids]

    small = SMALL_OF_KIND.get(kind, SMALL)
    return Subject(THIS_LIBRARY, name, small, save, bi.load, ask, (FileFormatError,))


def embedding_subject(name: str, n_versions: int = 1, **options: Any) -> Subject:
    def save(path: Path, n: int) -> None:
        X = random_vectors(n)
        index = bi.EmbeddingIndex(bi.SignBinarizer("mean"), **options).fit(X)
        for _ in range(n_versions - 1):
            index.add_version(bi.RotationBinarizer().fit(X))
        index.add(X, np.random.default_rng(0).permutation(2 * n)[:n])
        index.save(path)

    def ask(index: Any) -> Answers:
        return [*index.search(random_vectors(7), K, threads=1), index.ids]

    return Subject(THIS_LIBRARY, name, SMALL, save, bi.load, ask, (FileFormatError,))


def faiss_subjects() -> Iterator[Subject]:
    faiss = peer("faiss", "faiss")
    if faiss is None:
        return

    def subject(name: str, make: Callable[[], Any]) -> Subject:
        def save(path: Path, n: int) -> None:
            index, codes = make(), random_codes(n)
            index.train(codes)
            index.add(codes)
            faiss.write_index_binary(index, str(path))

        return Subject(
            "faiss",
            name,
            SMALL,
            save,
            lambda path: faiss.read_index_binary(str(path)),
            lambda index: [*index.search(random_codes(7), K)],
        )

    yield subject("IndexBinaryFlat", lambda: faiss.IndexBinaryFlat(N_BITS))
    yield subject("IndexBinaryIVF", lambda: faiss.index_binary_factory(N_BITS, "BIVF4"))
    yield subject("IndexBinaryHNSW", lambda: faiss.IndexBinaryHNSW(N_BITS, 4))


def usearch_subjects() -> Iterator[Subject]:
    usearch = peer("usearch.index", "usearch")
    if usearch is None:
        return

    def empty() -> Any:
        return usearch.Index(ndim=N_BITS, metric="hamming", dtype="b1", connectivity=4)

    def save(path: Path, n: int) -> None:
        index = empty()
        index.add(np.arange(n), random_codes(n), threads=1)
        index.save(str(path))

    def load(path: Path) -> Any:
        index = empty()
        index.load(str(path))
        return index

    def ask(index: Any) -> Answers:
        found = index.search(random_codes(7), K, threads=1)
        return [found.distances, found.keys]

    yield Subject("usearch", "Index", SMALL, save, load, ask)


def turbovec_subjects() -> Iterator[Subject]:
    turbovec = peer("turbovec", "turbovec")
    if turbovec is None:
        return

    def save(path: Path, n: int) -> None:
        index = turbovec.TurboQuantIndex(N_DIMS, 4)
        index.add(random_vectors(n))
        index.write(str(path))

    yield Subject(
        "turbovec",
        "TurboQuantIndex",
        SMALL,
        save,
        lambda path: turbovec.TurboQuantIndex.load(str(path)),
        lambda index: [*index.search(random_vectors(7), K)],
    )
