"""Random sequences of calls on an index of several versions, against a dictionary."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from prefix_binarizer import WIDTHS, VersionsModel, embeddings, prefix_binarizer, register

import bitindex as bi

IDS = st.integers(0, 30) | st.sampled_from([2**31, 2**62])
ID_LISTS = st.lists(IDS, max_size=10)
DISTINCT_IDS = st.lists(IDS, max_size=10, unique=True)
SEEDS = st.integers(0, 20)
VERSIONS = st.integers(0, len(WIDTHS) - 1)


class VersionsMachine(RuleBasedStateMachine):
    @initialize()
    def start(self):
        self.monkeypatch = pytest.MonkeyPatch()
        register(self.monkeypatch)
        self.folder = tempfile.TemporaryDirectory()
        self.n_files = 0
        self.index = bi.EmbeddingIndex(prefix_binarizer(WIDTHS[0]))
        self.model = VersionsModel(WIDTHS[:1])

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()
            self.monkeypatch.undo()

    @property
    def newest(self):
        return len(self.model.widths) - 1

    def rows(self, n_rows, version, seed):
        return embeddings(n_rows, WIDTHS[version], seed)

    @precondition(lambda self: self.newest + 1 < len(WIDTHS))
    @rule()
    def add_version(self):
        self.model.widths.append(WIDTHS[self.newest + 1])
        assert self.index.add_version(prefix_binarizer(WIDTHS[self.newest])) == self.newest

    @rule(n_rows=st.integers(0, 10), version=VERSIONS, seed=SEEDS)
    def add(self, n_rows, version, seed):
        version = min(version, self.newest)
        X = self.rows(n_rows, version, seed)
        first = self.model.next_id
        ids = self.index.add(X, version=version)
        assert ids.tolist() == list(range(first, first + n_rows))
        self.model.put(ids, X, version)

    @precondition(lambda self: len(self.model.rows) < 4000)
    @rule(version=VERSIONS, seed=SEEDS)
    def add_many(self, version, seed):
        version = min(version, self.newest)
        X = self.rows(1500, version, seed)
        self.model.put(self.index.add(X, version=version), X, version)

    @rule(ids=DISTINCT_IDS, version=VERSIONS, seed=SEEDS)
    def add_with_ids(self, ids, version, seed):
        version = min(version, self.newest)
        X = self.rows(len(ids), version, seed)
        if self.model.rows.keys() & set(ids):
            with pytest.raises(ValueError, match=r"id \d+ is already in the index"):
                self.index.add(X, ids, version=version)
        else:
            self.index.add(X, ids, version=version)
            self.model.put(ids, X, version)

    @rule(ids=DISTINCT_IDS, version=st.none() | VERSIONS, seed=SEEDS)
    def update(self, ids, version, seed):
        number = self.newest if version is None else min(version, self.newest)
        X = self.rows(len(ids), number, seed)
        if set(ids) <= self.model.rows.keys():
            self.index.update(ids, X, version=number)
            self.model.put(ids, X, number)
        else:
            with pytest.raises(KeyError, match="is not in the index"):
                self.index.update(ids, X, version=number)

    @rule(start=st.integers(0, 3000), step=st.integers(1, 3), seed=SEEDS)
    def upgrade_many(self, start, step, seed):
        ids = [key for key in range(start, start + 1200 * step, step) if key in self.model.rows]
        X = self.rows(len(ids), self.newest, seed)
        self.index.upgrade(ids, X)
        self.model.put(ids, X, self.newest)

    @rule(ids=ID_LISTS)
    def remove(self, ids):
        known = set(ids) & self.model.rows.keys()
        assert self.index.remove(ids) == len(known)
        for key in known:
            del self.model.rows[key]

    @rule(
        n_queries=st.integers(0, 3),
        version=VERSIONS,
        k=st.integers(0, 40),
        allowed=st.none() | st.sets(IDS, max_size=20),
        threads=st.none() | st.integers(1, 3),
        seed=SEEDS,
    )
    def search(self, n_queries, version, k, allowed, threads, seed):
        version = min(version, self.newest)
        Q = self.rows(n_queries, version, seed)
        if any(held > version for held, _ in self.model.rows.values()):
            with pytest.raises(ValueError, match=f"queries of version {version} cannot search"):
                self.index.search(Q, k, version=version)
        else:
            self.model.assert_same(self.index, Q, k, allowed, threads=threads, version=version)

    @rule(mapped_too=st.booleans())
    def save_and_load(self, mapped_too):
        self.n_files += 1
        path = Path(self.folder.name) / f"{self.n_files % 2}.bitx"
        self.index.save(path)
        if mapped_too:
            self.model.assert_same_content(bi.load(path, mmap=True))
        self.index = bi.load(path)

    @invariant()
    def same_content(self):
        if hasattr(self, "model"):
            self.model.assert_same_content(self.index)


VersionsMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, derandomize=True, database=None
)
TestVersionsMachine = VersionsMachine.TestCase
