"""Random changes to what files hold, with right checksums: refused, or an index like others.

An index that was loaded from such a file can be searched, changed, saved, and loaded again. More
examples: BITINDEX_FUZZ_EXAMPLES=5000 pytest tests/test_storage_fuzz.py (`make fuzz`).
"""

import copy
import functools
import os
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
from hypothesis import HealthCheck, given, settings

import bitindex as bi
from bitindex.index import PackedIndex
from bitindex.storage import FileFormatError, read_file, write_file

N_ROWS = 400
N_DIMS = 16
SETTINGS = settings(
    max_examples=int(os.environ.get("BITINDEX_FUZZ_EXAMPLES", "120")),
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def packed(index_type, metric="hamming", **options):
    rng = np.random.default_rng(0)
    index = index_type(64, metric, **options)
    codes = rng.integers(0, 256, (N_ROWS, 8), dtype=np.uint8)
    index.add(codes, rng.permutation(2 * N_ROWS)[:N_ROWS])
    index.add(np.repeat(codes[:10], 100, axis=0))
    index.update(index.ids[:5], codes[5:10])
    return index


def embedding(binarizer, similarity="cosine", rescore=None, **options):
    X = np.random.default_rng(0).standard_normal((N_ROWS, N_DIMS), dtype=np.float32)
    index = bi.EmbeddingIndex(binarizer, similarity=similarity, rescore=rescore, **options).fit(X)
    index.add(X, np.arange(N_ROWS)[::-1])
    return index


MAKERS = {
    "flat": lambda: packed(bi.FlatIndex),
    "cosine": lambda: packed(bi.FlatIndex, "cosine"),
    "sdc4": lambda: packed(bi.FlatIndex, "sdc4"),
    "by popcount": lambda: packed(bi.FlatIndex, "jaccard", sort_by="popcount"),
    "ivf": lambda: packed(bi.IVFIndex, n_lists=20),
    "hnsw": lambda: packed(bi.HNSWIndex, m=3, ef_construction=4, ef=2),
    "mih": lambda: packed(bi.MIHIndex, n_substrings=6, fall_back=False),
    "embedding": lambda: embedding(bi.SignBinarizer("mean"), "l2", "float32"),
    "embedding hnsw": lambda: embedding(bi.RotationBinarizer(), kind="hnsw", m=3),
    "embedding ivf": lambda: embedding(bi.ITQBinarizer(n_bits=16), "l2", kind="ivf", n_lists=5),
    "embedding int8": lambda: embedding(bi.LSHBinarizer(n_bits=40), "dot", "int8"),
    "embedding additive": lambda: embedding(bi.AdditiveBinarizer(n_bits=24), rescore="float16"),
}
ODD_NAMES = ["", "auto", "popcount", "jaccard", "hamming", "ivf", "mih", "l2", "int8", "\0"]
ODD_INTEGERS = [-1, 0, 1, 2, 63, 65, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1, 2**70]
ODD_FIELDS = st.sampled_from(
    [None, True, False, *ODD_INTEGERS, 1.5, 1e308, *ODD_NAMES, [], {}, [1], {"a": 1}, [[]]]
)
ODD_NUMBERS = [
    -1,
    0,
    1,
    2,
    7,
    8,
    63,
    64,
    N_ROWS,
    1399,
    1400,
    2**31 - 1,
    2**31,
    2**32 - 2,
    2**32 - 1,
]
ODD_FLOATS = [np.nan, np.inf, -np.inf, -1.0, -0.0, 0.0, 3.5, 1e-45, 1e38]


@functools.cache
def stored_file(name):
    with tempfile.TemporaryDirectory() as folder:
        MAKERS[name]().save(Path(folder) / "a.bitx")
        return read_file(Path(folder) / "a.bitx")


def change_field(data, meta):
    """Change, remove or add a field, as deep as fields go."""
    parts = [meta]
    for part in parts:
        parts += [value for value in part.values() if isinstance(value, dict)]
    part = data.draw(st.sampled_from(parts))
    name = data.draw(st.sampled_from([*part, "options", "versions", "unknown"]))
    if name in part and data.draw(st.integers(0, 9)) == 0:
        del part[name]
    else:
        # A copy, because the next change may go into a dict that this one has put there.
        part[name] = copy.deepcopy(data.draw(ODD_FIELDS))


def odd_numbers(dtype):
    if dtype.kind == "f":
        return st.sampled_from(np.array(ODD_FLOATS).astype(dtype).tolist())
    limits = np.iinfo(dtype)
    return st.sampled_from([min(max(n, limits.min), limits.max) for n in [*ODD_NUMBERS, 2**63 - 1]])


def with_odd_numbers(data, array):
    numbers = array.copy().reshape(-1)
    for _ in range(data.draw(st.integers(1, 4)) if numbers.size else 0):
        numbers[data.draw(st.integers(0, numbers.size - 1))] = data.draw(odd_numbers(array.dtype))
    return numbers.reshape(array.shape)


def shuffled(data, array):
    return np.random.default_rng(data.draw(st.integers(0, 99))).permutation(array)


CHANGES = {
    "numbers": with_odd_numbers,
    "all numbers": lambda data, array: np.full_like(array, data.draw(odd_numbers(array.dtype))),
    "order": shuffled,
    "columns": lambda data, array: shuffled(data, array.T).T,
    "shorter": lambda data, array: array[: data.draw(st.integers(0, len(array)))],
    "longer": lambda data, array: np.concatenate([array, array[:3]]),
    "dimensions": lambda data, array: array.reshape(-1) if array.ndim > 1 else array[:, np.newaxis],
    "type": lambda data, array: array.astype(data.draw(st.sampled_from(["u1", "i8", "f4", "f8"]))),
    "missing": lambda data, array: None,
}


def change_section(data, sections):
    name = data.draw(st.sampled_from(sorted(sections)))
    change = CHANGES[data.draw(st.sampled_from(list(CHANGES)))]
    with np.errstate(all="ignore"):
        changed = change(data, sections[name])
    if changed is None:
        del sections[name]
    else:
        sections[name] = changed


def use_packed(index):
    bits = np.random.default_rng(1).integers(0, 2, (12, index.n_bits)).astype(bool)
    queries = bi.pack(bits, bit_order=index.bit_order)
    for allowed in (None, range(0, 500, 3)):
        for k in (1, len(index) + 2):
            ids = index.search(queries, k, filter=allowed)[1]
            assert {*ids.ravel().tolist()} <= {-1, *index.ids.tolist()}
    index.range_search(queries, 20 if index.metric == "hamming" else 0.6)
    return np.repeat(queries, 20, axis=0)


def use_embeddings(index):
    Q = np.random.default_rng(1).standard_normal((12, index.binarizer.n_features_in_))
    Q = Q.astype(np.float32)
    for allowed in (None, range(0, 500, 3)):
        for oversample in (4, "auto"):
            ids = index.search(Q, 5, oversample, filter=allowed)[1]
            assert {*ids.ravel().tolist()} <= {-1, *index.ids.tolist()}
    return Q


def use(index, path):
    """Search, change, save and load."""
    searched = use_packed if isinstance(index, PackedIndex) else use_embeddings
    new_rows = searched(index)
    # Ids may be so large that none is left above them.
    numbers = np.arange(10_000, 10_000 + len(new_rows) + len(index))
    index.add(new_rows, np.setdiff1d(numbers, index.ids)[: len(new_rows)])
    ids = index.ids
    index.update(ids[:12], new_rows[: len(ids[:12])])
    index.remove(ids[::2])
    searched(index)
    index.save(path)
    loaded = bi.load(path)
    np.testing.assert_array_equal(loaded.ids, index.ids)
    searched(loaded)


def read_or_refused(read, path):
    """Return what a file holds, or None where it is refused by an error that names it."""
    try:
        return read(path)
    except FileFormatError as error:
        problem = str(error)
    assert problem.startswith(f"{path}: ")
    return None


@SETTINGS
@given(data=st.data(), name=st.sampled_from(list(MAKERS)), n_changes=st.integers(1, 3))
def test_changed_files_are_refused_or_like_others(data, name, n_changes):
    stored = stored_file(name)
    meta, sections = copy.deepcopy(stored.meta), dict(stored.sections)
    for _ in range(n_changes):
        if data.draw(st.integers(0, 2)) == 0:
            change_field(data, meta)
        elif sections:
            change_section(data, sections)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.bitx"
        write_file(path, stored.kind, meta, sections)
        index = read_or_refused(bi.load, path)
        if index is not None:
            # Learned numbers may be so large that scores are no numbers any more.
            with np.errstate(all="ignore"):
                use(index, path)


@functools.cache
def faiss_file(with_ids):
    with tempfile.TemporaryDirectory() as folder:
        index = bi.FlatIndex(64, bit_order="little")
        codes = np.arange(160, dtype=np.uint8).reshape(20, 8)
        index.add(codes, np.arange(20)[::-1] * 5 if with_ids else None)
        bi.write_faiss(index, Path(folder) / "a.index")
        return (Path(folder) / "a.index").read_bytes()


@SETTINGS
@given(
    with_ids=st.booleans(),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4),
    length=st.none() | st.integers(0, 400),
    more=st.binary(max_size=9),
)
def test_changed_files_of_faiss_are_refused_or_like_others(with_ids, changes, length, more):
    content = bytearray(faiss_file(with_ids))
    for position, byte in changes:
        content[position % len(content)] = byte
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.index"
        path.write_bytes(bytes(content[:length]) + more)
        index = read_or_refused(bi.read_faiss, path)
        if index is not None:
            use(index, Path(folder) / "a.bitx")


@SETTINGS
@given(content=st.binary(max_size=300))
def test_random_bytes_are_refused(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(content)
        for read in (bi.load, bi.read_faiss):
            assert read_or_refused(read, path) is None
