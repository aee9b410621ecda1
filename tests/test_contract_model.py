"""Random sequences of calls on an index, against a dictionary that is told the same."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from reference_index import (
    BIT_ORDERS,
    METRICS,
    ReferenceIndex,
    assert_same_answers,
    assert_same_content,
    make_index,
)

import bitindex as bi
from bitindex.index import INDEX_KINDS

N_BITS = 12  # a multiple of every number of bits per dimension
# Few ids, so that they meet again; some far apart, and the largest that is allowed.
IDS = st.integers(0, 40) | st.sampled_from([2**31, 2**40 + 1, 2**62])
CODE = st.integers(0, 2**N_BITS - 1)
ID_LISTS = st.lists(IDS, max_size=12)
DISTINCT_IDS = st.lists(IDS, max_size=12, unique=True)
FILTERS = (
    st.none()
    | ID_LISTS
    | st.sets(IDS, max_size=20)
    | st.lists(st.booleans(), max_size=60).map(lambda mask: np.array(mask, bool))
    | st.builds(range, st.integers(-20, 60), st.integers(-20, 60), st.integers(1, 7))
    | st.builds(range, st.integers(-20, 60), st.integers(-20, 60), st.integers(-7, -1))
)


class IndexMachine(RuleBasedStateMachine):
    @initialize(
        kind=st.sampled_from(sorted(INDEX_KINDS)),
        metric=st.sampled_from(METRICS),
        bit_order=st.sampled_from(BIT_ORDERS),
        by_popcount=st.booleans(),
    )
    def start(self, kind, metric, bit_order, by_popcount):
        if metric not in INDEX_KINDS[kind].metrics:
            metric = INDEX_KINDS[kind].metrics[0]
        self.folder = tempfile.TemporaryDirectory()
        self.n_files = 0
        self.bit_order = bit_order
        self.index = make_index(kind, N_BITS, metric, bit_order)
        if by_popcount and kind == "flat" and metric in ("jaccard", "dice", "cosine"):
            self.index = bi.FlatIndex(N_BITS, metric, bit_order=bit_order, sort_by="popcount")
        self.model = ReferenceIndex(N_BITS, metric, bit_order)

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def codes(self, numbers):
        """Codes of N_BITS bits from as many numbers."""
        bits = np.array(numbers, np.int64)[:, np.newaxis] >> np.arange(N_BITS) & 1
        return bi.pack(bits.astype(bool).reshape(-1, N_BITS), bit_order=self.bit_order)

    @rule(numbers=st.lists(CODE, max_size=10))
    def add(self, numbers):
        codes = self.codes(numbers)
        first = self.model.next_id
        assert self.index.add(codes).tolist() == list(range(first, first + len(codes)))
        self.model.add(codes)

    @precondition(lambda self: len(self.model.rows) < 3000)
    @rule(seed=st.integers(0, 9))
    def add_many(self, seed):
        codes = self.codes(np.random.default_rng(seed).integers(0, 2**N_BITS, 1500))
        self.index.add(codes)
        self.model.add(codes)

    @rule(ids=DISTINCT_IDS, number=CODE)
    def add_with_ids(self, ids, number):
        codes = self.codes([(number + i) % 2**N_BITS for i in range(len(ids))])
        if self.model.rows.keys() & set(ids):
            with pytest.raises(ValueError, match=r"id \d+ is already in the index"):
                self.index.add(codes, ids)
        else:
            self.index.add(codes, ids)
            self.model.add(codes, ids)

    @rule(id=IDS)
    def add_an_id_twice(self, id):
        with pytest.raises(ValueError, match=f"got id {id} more than once|{id} is already"):
            self.index.add(self.codes([1, 2, 3]), [id, 2**50, id])

    @rule(ids=ID_LISTS)
    def remove(self, ids):
        assert self.index.remove(ids) == self.model.remove(ids)

    @rule(start=st.integers(0, 5000), step=st.integers(1, 3))
    def remove_many(self, start, step):
        ids = np.arange(start, start + 1200 * step, step)
        assert self.index.remove(ids) == self.model.remove(ids)

    @rule(ids=DISTINCT_IDS, number=CODE)
    def update(self, ids, number):
        codes = self.codes([(number + i) % 2**N_BITS for i in range(len(ids))])
        if set(ids) <= self.model.rows.keys():
            self.index.update(ids, codes)
            self.model.update(ids, codes)
        else:
            with pytest.raises(KeyError, match="is not in the index"):
                self.index.update(ids, codes)

    @rule(ids=ID_LISTS)
    def get(self, ids):
        assert [key in self.index for key in ids] == [key in self.model.rows for key in ids]
        if set(ids) <= self.model.rows.keys():
            np.testing.assert_array_equal(self.index.get(ids), self.model.get(ids))
        else:
            with pytest.raises(KeyError, match="is not in the index"):
                self.index.get(ids)

    @rule(
        numbers=st.lists(CODE, max_size=3),
        k=st.integers(0, 50),
        radius=st.integers(0, 20) | st.floats(0, 1),
        allowed=FILTERS,
        threads=st.none() | st.integers(1, 3),
    )
    def search(self, numbers, k, radius, allowed, threads):
        queries = self.codes(numbers)
        if isinstance(allowed, np.ndarray):
            expected = set(np.flatnonzero(allowed).tolist())
        else:
            expected = None if allowed is None else set(allowed)
        answers = self.model.answers(queries, expected)
        got = self.index.search(queries, k, filter=allowed, threads=threads)
        assert_same_answers(got, answers.nearest(k))
        got = self.index.range_search(queries, radius, filter=allowed, threads=threads)
        assert_same_answers(got, answers.within(radius))

    @rule(mapped_too=st.booleans())
    def save_and_load(self, mapped_too):
        self.n_files += 1
        path = Path(self.folder.name) / f"{self.n_files % 2}.bitx"
        self.index.save(path)
        if mapped_too:
            mapped = bi.load(path, mmap=True)
            assert_same_content(mapped, self.model)
            queries = self.codes([0, 77])
            assert_same_answers(mapped.search(queries, 9), self.model.search(queries, 9))
            mapped.save(path)
        self.index = bi.load(path)

    @invariant()
    def same_content(self):
        if hasattr(self, "model"):
            assert_same_content(self.index, self.model)


IndexMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("BITINDEX_MODEL_EXAMPLES", "40")),
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
)
TestIndexMachine = IndexMachine.TestCase
