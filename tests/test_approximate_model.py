"""Random sequences of calls on indexes that do look at a part of their rows, against a dictionary.

Which rows they find is open. That these are there, allowed, as far away as is said, in order, and
as many as there can be, is not; nor is what a file and a copy find.
"""

import copy
import os
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from reference_index import ReferenceIndex, assert_same_content, distances_between

import bitindex as bi

N_BITS = 32
MADE = {
    "ivf": lambda metric: bi.IVFIndex(N_BITS, metric, n_lists=20, nprobe=1),
    "ivf auto": lambda metric: bi.IVFIndex(N_BITS, metric, n_lists=20, target_recall=0.5),
    "hnsw": lambda metric: bi.HNSWIndex(N_BITS, metric, m=3, ef_construction=6, ef=1),
    "hnsw of few links": lambda metric: bi.HNSWIndex(N_BITS, metric, m=2, ef_construction=2, ef=1),
}
SEEDS = st.integers(0, 50)


class ApproximateMachine(RuleBasedStateMachine):
    @initialize(made=st.sampled_from(sorted(MADE)), metric=st.sampled_from(["hamming", "jaccard"]))
    def start(self, made, metric):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "a.bitx"
        self.index = MADE[made](metric)
        self.model = ReferenceIndex(N_BITS, metric)

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def some_ids(self, rng, share):
        ids = self.index.ids
        return rng.choice(ids, int(share * len(ids)), replace=False)

    @rule(seed=SEEDS, n=st.sampled_from([1, 30, 400, 900]), n_distinct=st.sampled_from([1, 8, 900]))
    def add(self, seed, n, n_distinct):
        rng = np.random.default_rng(seed)
        codes = rng.integers(0, 256, (n_distinct, 4), dtype=np.uint8)[
            rng.integers(n_distinct, size=n)
        ]
        if len(self.model.rows) < 2500:
            self.index.add(codes)
            self.model.add(codes)

    @rule(seed=SEEDS, share=st.sampled_from([0.01, 0.3, 0.9, 1.0]), returns=st.booleans())
    def remove(self, seed, share, returns):
        gone = self.some_ids(np.random.default_rng(seed), share)
        codes = self.index.get(gone)
        assert self.index.remove(gone) == self.model.remove(gone) == len(gone)
        if returns:
            self.index.add(codes, gone)
            self.model.add(codes, gone)

    @rule(seed=SEEDS, share=st.sampled_from([0.01, 0.3, 1.0]), to_equal=st.booleans())
    def update(self, seed, share, to_equal):
        rng = np.random.default_rng(seed)
        ids = self.some_ids(rng, share)
        codes = rng.integers(0, 256, (1 if to_equal else len(ids), 4), dtype=np.uint8)
        codes = np.resize(codes, (len(ids), 4))
        self.index.update(ids, codes)
        self.model.update(ids, codes)

    @rule(seed=SEEDS, k=st.integers(0, 30), share=st.sampled_from([None, 0, 0.01, 0.2, 0.9]))
    def search(self, seed, k, share):
        rng = np.random.default_rng(seed)
        allowed = None if share is None else self.some_ids(rng, share)
        queries = rng.integers(0, 256, (4, 4), dtype=np.uint8)
        if len(self.model.rows) > 0:
            queries[:2] = self.index.get(rng.choice(self.index.ids, 2))
        distances, ids = self.index.search(queries, k, filter=allowed)
        self.check(queries, distances, ids, allowed, k)
        lims, within, found = self.index.range_search(queries, 0.2, filter=allowed)
        assert within.max(initial=0) <= np.float32(0.2)
        for q in range(4):
            part = slice(lims[q], lims[q + 1])
            self.check(queries[q : q + 1], within[None, part], found[None, part], allowed, None)

    def check(self, queries, distances, ids, allowed, k):
        possible = set(self.model.rows) if allowed is None else set(allowed.tolist())
        for query, row, numbers in zip(queries, distances, ids, strict=True):
            n = np.count_nonzero(numbers >= 0)
            assert k is None or n == min(k, len(possible))
            found = numbers[:n].tolist()
            assert len(set(found)) == n
            assert set(found) <= possible
            exact = distances_between(
                self.model.metric, query[np.newaxis], self.model.get(found), N_BITS, "big"
            )
            np.testing.assert_array_equal(row[:n], exact[0])
            assert sorted(zip(row[:n], found, strict=True)) == list(
                zip(row[:n], found, strict=True)
            )

    @rule(copied=st.booleans())
    def save_and_load_or_copy(self, copied):
        queries = np.arange(16, dtype=np.uint8).reshape(4, 4)
        before = self.index
        if copied:
            self.index = copy.copy(before)
        else:
            before.save(self.path)
            self.index = bi.load(self.path)
        for got, expected in zip(
            self.index.search(queries, 5), before.search(queries, 5), strict=True
        ):
            np.testing.assert_array_equal(got, expected)

    @rule()
    def rebalance(self):
        if isinstance(self.index, bi.IVFIndex):
            self.index.rebalance()

    @invariant()
    def nothing_is_lost(self):
        if hasattr(self, "model"):
            assert_same_content(self.index, self.model)


ApproximateMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("BITINDEX_MODEL_EXAMPLES", "30")),
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
)
TestApproximateMachine = ApproximateMachine.TestCase
