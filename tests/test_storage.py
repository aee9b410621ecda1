"""The file format: what is saved comes back, and the specification tells the truth.

`tests/golden/v1_arrays.bitx` was written once, by bitindex 0.1.0, and must stay readable::

    write_file("v1_arrays.bitx", "arrays", {"n_bits": 32, "metric": "hamming"}, {
        "codes": np.arange(12, dtype=np.uint8).reshape(3, 4),
        "ids": np.array([7, -8, 9], dtype=np.int64),
        "extra/factors": np.array([[0.5, -2.0]], dtype=np.float32),
        "extra/empty": np.empty((0, 2), dtype=np.float64),
    })
"""

import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import hypothesis
import hypothesis.extra.numpy as numpy_strategies
import hypothesis.strategies as strategies
import numpy as np
import pytest

from bitindex.storage import read_file, write_file, writer
from bitindex.storage.format import CHUNK_BYTES, DTYPES

HERE = Path(__file__).parent
GOLDEN = HERE / "golden" / "v1_arrays.bitx"
SPECIFICATION = HERE.parent / "docs" / "format.md"
GOLDEN_META = {"n_bits": 32, "metric": "hamming"}
MODES = pytest.mark.parametrize("mmap", [False, True], ids=["read", "mapped"])


def golden_sections():
    return {
        "codes": np.arange(12, dtype=np.uint8).reshape(3, 4),
        "ids": np.array([7, -8, 9], dtype=np.int64),
        "extra/factors": np.array([[0.5, -2.0]], dtype=np.float32),
        "extra/empty": np.empty((0, 2), dtype=np.float64),
    }


def assert_same_sections(actual, expected):
    assert list(actual) == list(expected)
    for name, array in expected.items():
        assert actual[name].dtype == array.dtype.newbyteorder("<")
        assert actual[name].shape == array.shape
        # Bytes, not values: a NaN must come back as the same NaN.
        assert actual[name].tobytes() == array.astype(actual[name].dtype).tobytes()


@MODES
@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (5, 3), (0, 4), (4, 0, 2), (2, 3, 4, 5)])
def test_round_trip_of_every_dtype(tmp_path, shape, mmap):
    rng = np.random.default_rng(0)
    sections = {}
    for name in DTYPES:
        dtype = np.dtype(name)
        raw = rng.integers(0, 2 if dtype.kind == "b" else 256, (*shape, dtype.itemsize), np.uint8)
        sections[name.strip("|<")] = raw.view(dtype).reshape(shape)
    write_file(tmp_path / "a.bitx", "arrays", {}, sections)
    assert_same_sections(read_file(tmp_path / "a.bitx", mmap).sections, sections)


@MODES
def test_round_trip_of_kind_and_meta(tmp_path, mmap):
    meta = {
        "none": None,
        "flags": [True, False],
        "large": 2**80,
        "float": 0.1,
        "nested": {"é": {"": ["\0", "\u2028"]}},
    }
    write_file(tmp_path / "a.bitx", "some_kind_2", meta, {})
    stored = read_file(tmp_path / "a.bitx", mmap)
    assert (stored.kind, stored.meta, stored.sections) == ("some_kind_2", meta, {})
    assert stored.writer.startswith("bitindex ")


@MODES
@pytest.mark.parametrize(
    "arrange",
    [
        np.asfortranarray,
        lambda a: a.T,
        lambda a: a[::-1, ::2],
        lambda a: a[:, ::-1],
        lambda a: np.broadcast_to(a[:1], a.shape),
        lambda a: a.astype(">u4"),
        lambda a: a.astype(">u4").T[::-1],
    ],
    ids=["fortran", "transposed", "strided", "reversed", "broadcast", "swapped", "swapped-strided"],
)
def test_memory_order_does_not_matter(tmp_path, monkeypatch, arrange, mmap):
    monkeypatch.setattr(writer, "CHUNK_BYTES", 64)
    array = arrange(np.arange(30 * 20, dtype=np.uint32).reshape(30, 20))
    write_file(tmp_path / "a.bitx", "arrays", {}, {"a": array})
    assert_same_sections(read_file(tmp_path / "a.bitx", mmap).sections, {"a": array})


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(
    arrays=strategies.lists(
        numpy_strategies.arrays(
            dtype=strategies.sampled_from([np.dtype(name) for name in DTYPES]),
            shape=numpy_strategies.array_shapes(max_dims=4, max_side=6, min_side=0),
        ),
        max_size=4,
    ),
    meta=strategies.dictionaries(
        strategies.text(strategies.characters(exclude_categories=["Cs"])),
        strategies.recursive(
            strategies.none()
            | strategies.booleans()
            | strategies.integers()
            | strategies.floats(allow_nan=False, allow_infinity=False)
            | strategies.text(strategies.characters(exclude_categories=["Cs"])),
            strategies.lists,
            max_leaves=5,
        ),
        max_size=4,
    ),
    mmap=strategies.booleans(),
)
def test_round_trip_of_anything(tmp_path_factory, arrays, meta, mmap):
    path = tmp_path_factory.getbasetemp() / "anything.bitx"
    sections = {f"part/{position}": array for position, array in enumerate(arrays)}
    write_file(path, "arrays", meta, sections)
    stored = read_file(path, mmap)
    assert stored.meta == meta
    assert_same_sections(stored.sections, sections)


def test_offsets_and_length_of_the_header_agree(tmp_path):
    """The offsets are part of the header that moves them."""
    sections = {str(n): np.full(n, n % 256, dtype=np.uint8) for n in (20, 100, 9000, 90_000)}
    for n_meta_bytes in range(128):
        write_file(tmp_path / "a.bitx", "arrays", {"": "x" * n_meta_bytes}, sections)
        assert_same_sections(read_file(tmp_path / "a.bitx").sections, sections)


def test_read_arrays_are_writable_and_mapped_arrays_are_not():
    assert all(array.flags.writeable for array in read_file(GOLDEN).sections.values())
    for array in read_file(GOLDEN, mmap=True).sections.values():
        assert not array.flags.writeable
        assert array.flags.aligned


def test_mapped_array_outlives_everything_else(tmp_path):
    write_file(tmp_path / "a.bitx", "arrays", {}, {"a": np.arange(10_000)})
    array = read_file(tmp_path / "a.bitx", mmap=True).sections["a"][5:]
    (tmp_path / "a.bitx").unlink()
    assert array[-1] == 9999


def test_no_copy_of_the_data(tmp_path):
    array = np.zeros(8 * CHUNK_BYTES, dtype=np.uint8)
    for case, allowed in ((array, CHUNK_BYTES // 2), (array[::2], 3 * CHUNK_BYTES)):
        tracemalloc.start()
        try:
            write_file(tmp_path / "a.bitx", "arrays", {}, {"a": case})
            assert tracemalloc.get_traced_memory()[1] < allowed
            tracemalloc.reset_peak()
            read_file(tmp_path / "a.bitx")
            assert tracemalloc.get_traced_memory()[1] < case.nbytes + CHUNK_BYTES
        finally:
            tracemalloc.stop()


def test_golden_file_stays_readable():
    for mmap in (False, True):
        stored = read_file(GOLDEN, mmap)
        assert (stored.kind, stored.meta, stored.writer) == (
            "arrays",
            GOLDEN_META,
            "bitindex 0.1.0",
        )
        assert_same_sections(stored.sections, golden_sections())


def test_writer_still_makes_the_golden_file(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_writer_name", lambda: "bitindex 0.1.0")
    write_file(tmp_path / "a.bitx", "arrays", GOLDEN_META, golden_sections())
    assert (tmp_path / "a.bitx").read_bytes() == GOLDEN.read_bytes()


def test_specification_shows_the_golden_file():
    dump = re.findall(r"^([0-9a-f]{8})  ((?:[0-9a-f]{2} +){16})\|", SPECIFICATION.read_text(), re.M)
    assert [int(offset, 16) for offset, _ in dump] == list(range(0, 16 * len(dump), 16))
    assert bytes.fromhex("".join(line for _, line in dump)) == GOLDEN.read_bytes()


def test_reader_in_the_specification_reads_the_golden_file():
    (source,) = re.findall(r"```python\n(.*?)```", SPECIFICATION.read_text(), re.S)
    names = {}
    exec(source, names)
    header, sections = names["read_bitx"](GOLDEN)
    assert (header["kind"], header["meta"]) == ("arrays", GOLDEN_META)
    for name, array in golden_sections().items():
        assert sections[name] == array.tobytes()


def test_import_does_not_load_xxhash():
    program = "import sys, bitindex.storage; sys.exit('xxhash' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
