"""Files of HNSWIndex: the golden one, files without a graph, and graphs that are none.

`tests/golden/v1_hnsw.bitx` was written once, by `golden_index`, and must stay readable.
"""

from pathlib import Path

import numpy as np
import pytest

import bitindex as bi
from bitindex.storage import FileFormatError, read_file, write_file

GOLDEN = Path(__file__).parent / "golden" / "v1_hnsw.bitx"
NONE = 2**32 - 1


def golden_index():
    index = bi.HNSWIndex(8, m=2, ef_construction=4, ef=3, seed=5)
    index.add([[i] for i in range(0, 80, 4)] + [[8], [8], [12]])
    return index


def test_golden_file_stays_readable(tmp_path):
    golden_index().save(tmp_path / "a.bitx")
    assert (tmp_path / "a.bitx").read_bytes() == GOLDEN.read_bytes()
    for mmap in (False, True):
        loaded = bi.load(GOLDEN, mmap=mmap)
        assert repr(loaded) == repr(golden_index())
        assert loaded.search([8], 3)[1].tolist() == [[2, 20, 21]]


@pytest.fixture
def stored(tmp_path):
    """The kind, fields and arrays of a file that holds a graph with twins and two layers."""
    path = tmp_path / "a.bitx"
    rng = np.random.default_rng(0)
    index = bi.HNSWIndex(64, m=4, ef=2)
    index.add(rng.integers(0, 256, (600, 8), dtype=np.uint8))
    index.add(np.repeat(index.get(range(20)), 15, axis=0))
    index.save(path)
    file = read_file(path)
    assert len(file.sections["structure/upper_counts"]) >= 2
    assert len(file.sections["structure/twins"]) == 300
    return file


@pytest.fixture
def loaded(tmp_path, stored):
    """Return a function that loads the file with other arrays; None leaves one out."""

    def load(**changed):
        changes = {f"structure/{name}": array for name, array in changed.items()}
        sections = {n: a for n, a in (stored.sections | changes).items() if a is not None}
        write_file(tmp_path / "b.bitx", stored.kind, stored.meta, sections)
        return bi.load(tmp_path / "b.bitx")

    return load


def test_a_file_without_a_graph(stored, loaded):
    names = [name.split("/")[1] for name in stored.sections if name.startswith("structure/")]
    index = loaded(**dict.fromkeys(names))
    assert index._core.structure()["links"].shape == (0, 8)
    codes = index.get(range(900))
    assert (index.search(codes, 1)[0] == 0).all()
    index.add(np.full((1, 8), 255, np.uint8))
    assert len(index._core.structure()["links"]) == 901
    assert index._core.n_unreached() == 0
    assert (index.search(codes, 1, ef=8)[0] == 0).mean() >= 0.9


def test_a_graph_of_some_rows(stored, loaded):
    links = stored.sections["structure/links"][:400].copy()
    links[(links >= 400) & (links != NONE)] = NONE
    links = np.sort(links, axis=1)
    index = loaded(
        links=links,
        upper_counts=np.zeros(0, np.uint32),
        upper_links=np.zeros((0, 4), np.uint32),
        upper_rows=np.zeros(0, np.uint32),
        upper_below=np.zeros(0, np.uint32),
        twins=np.zeros(0, np.uint32),
    )
    far = index.get(range(400, 900))
    assert (index.search(far, 1)[0] == 0).all()
    assert (np.diff(index.range_search(far, 0)[0]) >= 1).all()
    index.add(np.full((1, 8), 255, np.uint8))
    assert index._core.n_unreached() == 0


def test_pending_rows_are_found_and_linked_by_the_next_addition(stored, loaded):
    single = [row for row in range(100, 600, 50) if row not in stored.sections["structure/twins"]]
    links = stored.sections["structure/links"].copy()
    links[single] = NONE
    index = loaded(links=links, pending=np.array(single, np.uint32))
    ids = index.search(index.get(single), 3)[1]
    assert ids[:, 0].tolist() == single
    assert (np.diff(np.sort(ids, axis=1), axis=1) > 0).all()
    assert (np.diff(index.range_search(index.get(single), 20)[0]) >= 1).all()
    index.add(np.full((1, 8), 255, np.uint8))
    assert len(index._core.structure()["pending"]) == 0
    assert (index._core.structure()["links"][single, 0] != NONE).all()


def changed(array, where, value):
    array = array.copy()
    array[where] = value
    return array


@pytest.mark.parametrize(
    ("name", "where", "value", "problem"),
    [
        ("links", (7, 0), 900, "a link of node 7 leads to a node that is not there"),
        ("links", (7, 0), NONE - 1, "a link of node 7 leads"),
        ("links", (7, 7), 3, None),  # full or not, row 3 is there
        ("links", (slice(None), 0), NONE, "has a link behind its last"),
        ("upper_counts", 0, 0, "a layer must have some of the nodes of the one below"),
        ("upper_counts", 0, 901, "a layer must have"),
        ("upper_counts", 1, 2**31, "a layer must have"),
        ("upper_counts", 0, 90, "the arrays of the upper layers must have"),
        ("upper_links", (0, 0), 10**6, "a link of node 0 leads"),
        ("upper_rows", 0, 899, "must have its row in the layer below"),
        ("upper_rows", 0, NONE, "must have its row in the layer below"),
        ("upper_below", 0, 900, "must have its row in the layer below"),
        ("twins", 0, 0, None),
        ("twins", slice(-2, None), [40, 41], "ascend"),
        ("twins", -1, 900, "its twin rows must ascend and be rows of it"),
        ("twins", 1, 601, None),
        ("twins", slice(2), 700, "its twin rows must ascend"),
    ],
)
def test_damaged_graphs(stored, loaded, name, where, value, problem):
    array = changed(stored.sections[f"structure/{name}"], where, value)
    if problem is None:
        try:
            index = loaded(**{name: array})
        except FileFormatError:
            return
        assert index.search(index.get(range(900)), 3)[1].min() >= 0
        return
    with pytest.raises(FileFormatError, match=problem):
        loaded(**{name: array})


def test_pending_rows_with_links(loaded):
    with pytest.raises(FileFormatError, match="row 7 is pending and has links"):
        loaded(pending=np.array([7], np.uint32))


def test_twins_in_a_circle(stored, loaded):
    twins = stored.sections["structure/twins"]
    links = stored.sections["structure/links"].copy()
    a, b = twins[:2]
    links[np.isin(links, [a, b])] = NONE
    links = np.sort(links, axis=1)
    links[[a, b]] = NONE
    links[a, :2], links[b, :2] = [b, b], [a, a]
    with pytest.raises(FileFormatError, match="twin"):
        loaded(links=links)


@pytest.mark.parametrize("name", ["links", "upper_links", "upper_rows", "twins", "pending"])
def test_arrays_that_are_missing_or_of_another_form(stored, loaded, name):
    array = stored.sections[f"structure/{name}"]
    with pytest.raises(FileFormatError, match=f"section 'structure/{name}' is missing"):
        loaded(**{name: None})
    with pytest.raises(FileFormatError, match="must be uint32"):
        loaded(**{name: array.astype(np.int64)})
    with pytest.raises(FileFormatError, match=f"must be uint32 with ndim={array.ndim}"):
        loaded(**{name: array[..., np.newaxis]})
    with pytest.raises(FileFormatError, match="section 'structure/other' is unknown"):
        loaded(other=array)


def test_random_arrays_never_crash(stored, loaded):
    rng = np.random.default_rng(1)
    for _ in range(200):
        name = rng.choice([n for n in stored.sections if n.startswith("structure/")])
        array = stored.sections[name].copy()
        if array.size == 0:
            continue
        flat = array.reshape(-1)
        flat[rng.integers(0, flat.size, 3)] = rng.choice(
            [0, 1, 599, 700, 899, 900, NONE - 1, NONE], 3
        ).astype(np.uint32)
        try:
            index = loaded(**{name.split("/")[1]: array})
        except FileFormatError:
            continue
        index.search(index.get(range(0, 900, 9)), 5)
        index.search(index.get(range(0, 900, 9)), 5, filter=range(0, 900, 2))
        index.range_search(index.get(range(0, 900, 90)), 12)
        index.update(range(0, 40, 3), np.zeros((14, 8), np.uint8))
        index.remove(range(0, 700, 2))
        index.add(np.zeros((700, 8), np.uint8))
        assert index.search(np.zeros(8, np.uint8), 5)[1].min() >= 0
