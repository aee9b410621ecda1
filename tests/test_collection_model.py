"""Sequences of calls of a collection, beside a dict that does the same."""

import contextlib
import shutil
import tempfile
from pathlib import Path

import pytest
from collection_model import assert_holds, embeddings, empty_index
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import bitindex as bi

pytestmark = pytest.mark.once

# Equal integers and texts are different ids.
IDS = st.lists(st.sampled_from([0, 1, 2, "0", "1", "", "é", -(2**63)]), unique=True, max_size=5)
SEEDS = st.integers(0, 5)  # few, so that embeddings and so scores are equal
TEXTS = st.sampled_from([None, "", "a text"])
METADATA = st.sampled_from([{}, {"year": 1990}, {"year": 2000, "tags": ["a", {"b": None}]}])
# In memory, where there is such a place: what waits for a disk is tested elsewhere.
MEMORY = Path("/dev/shm")


class Sequences(RuleBasedStateMachine):
    @initialize(kind=st.sampled_from(["flat", "hnsw", "ivf"]))
    def create(self, kind):
        place = MEMORY if MEMORY.is_dir() else None
        self.directory = Path(tempfile.mkdtemp(dir=place))
        self.path = self.directory / "documents"
        self.collection = bi.Collection.create(self.path, empty_index(kind=kind))
        self.reader = bi.Collection.open(self.path, read_only=True)
        self.model = {}

    def fields(self, data, ids):
        return [(data.draw(SEEDS), data.draw(TEXTS), data.draw(METADATA)) for _ in ids]

    @rule(data=st.data(), ids=IDS)
    def add(self, data, ids):
        fields = self.fields(data, ids)
        taken = self.model.keys() & set(ids)
        with (
            pytest.raises(ValueError, match="is already in") if taken else contextlib.nullcontext()
        ):
            self.collection.add(ids, embeddings([f[0] for f in fields]), *zip_columns(fields))
        if not taken:
            self.model |= dict(zip(ids, fields, strict=True))

    @rule(data=st.data(), ids=IDS)
    def upsert(self, data, ids):
        fields = self.fields(data, ids)
        self.collection.upsert(ids, embeddings([f[0] for f in fields]), *zip_columns(fields))
        for name in ids:  # a document that is replaced is the last one written
            self.model.pop(name, None)
        self.model |= dict(zip(ids, fields, strict=True))

    @rule(ids=IDS)
    def delete(self, ids):
        gone = [name for name in ids if self.model.pop(name, None) is not None]
        assert self.collection.delete(ids) == len(gone)

    @rule(year=st.sampled_from([1990, 2000]), seed=SEEDS)
    def search(self, year, seed):
        for collection in (self.collection, self.reader):
            (hits,) = collection.search(embeddings([seed]), k=10, where={"year": {"$gte": year}})
            expected = {n for n, (_, _, f) in self.model.items() if f.get("year", 0) >= year}
            assert {hit.id for hit in hits} == expected

    @rule()
    def compact(self):
        self.collection.compact()

    @rule()
    def reopen(self):
        self.collection.close()
        self.collection = bi.Collection.open(self.path)

    @rule()
    def another_reader(self):
        self.reader.close()
        self.reader = bi.Collection.open(self.path, read_only=True)

    @rule()
    def lose_the_image(self):
        (self.path / "index.bitx").unlink(missing_ok=True)

    @rule()
    def restore_a_backup(self):
        copy = self.directory / "copy"
        self.reader.backup(copy)
        self.collection.close()
        self.reader.close()
        shutil.rmtree(self.path)
        copy.rename(self.path)
        self.collection = bi.Collection.open(self.path)
        self.reader = bi.Collection.open(self.path, read_only=True)

    @invariant()
    def holds(self):
        assert_holds(self.collection, self.model)
        assert_holds(self.reader, self.model)

    def teardown(self):
        if hasattr(self, "collection"):
            assert self.collection.check() == []
            self.collection.close()
            self.reader.close()
            shutil.rmtree(self.directory)


def zip_columns(fields):
    return [text for _, text, _ in fields], [metadata for *_, metadata in fields]


test_sequences = Sequences.TestCase
test_sequences.settings = settings(max_examples=30, stateful_step_count=15)
