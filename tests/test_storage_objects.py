"""What can be stored, and how objects are saved and loaded."""

import numpy as np
import pytest

from bitindex import storage
from bitindex.storage import FileFormatError, nest, read_file, unnest, write_file, writer

MODES = pytest.mark.parametrize("mmap", [False, True], ids=["read", "mapped"])


@pytest.mark.parametrize(
    ("sections", "error", "problem"),
    [
        ({"a": [1, 2]}, TypeError, "section 'a' must be a numpy array, got list"),
        ({"a": np.array([None])}, TypeError, "section 'a' must have one of the dtypes"),
        ({"a": np.array(["x"])}, TypeError, "dtypes"),
        ({"a": np.zeros(2, complex)}, TypeError, "dtypes"),
        ({"a": np.zeros(2, "M8[s]")}, TypeError, "dtypes"),
        ({"a": np.zeros(2, [("x", "u1")])}, TypeError, "dtypes"),
        ({"a": np.array(5)}, ValueError, r"1 to 32 dimensions, got shape \(\)"),
        ({"a": np.array([2], np.uint8).view(bool)}, ValueError, "bool bytes 0 and 1 only"),
        ({"": np.zeros(2)}, ValueError, "name"),
        ({"/a": np.zeros(2)}, ValueError, "name"),
        ({"a b": np.zeros(2)}, ValueError, "name"),
        ({5: np.zeros(2)}, TypeError, "name"),
    ],
)
def test_sections_that_cannot_be_stored(tmp_path, sections, error, problem):
    with pytest.raises(error, match=problem):
        write_file(tmp_path / "a.bitx", "arrays", {}, sections)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("meta", "error"),
    [
        ({"a": float("nan")}, ValueError),
        ({"a": float("-inf")}, ValueError),
        ({"a": "\ud800"}, ValueError),
        ({"a": (1, 2)}, TypeError),
        ({5: 1}, TypeError),
        ({"a": np.int64(5)}, TypeError),
        ({"a": np.zeros(2)}, TypeError),
        ({"a": b"x"}, TypeError),
    ],
)
def test_meta_that_is_not_json(tmp_path, meta, error):
    with pytest.raises(error):
        write_file(tmp_path / "a.bitx", "arrays", meta, {})
    assert list(tmp_path.iterdir()) == []


def test_other_arguments_that_cannot_be_stored(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="kind must be a lower-case word"):
        write_file(tmp_path / "a.bitx", "A kind", {}, {})
    monkeypatch.setattr(writer, "MAX_HEADER_BYTES", 1000)
    with pytest.raises(ValueError, match="header of 1000 bytes"):
        write_file(tmp_path / "a.bitx", "arrays", {"a": "x" * 1000}, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [None, 0, 1.5, b"a.bitx", ["a.bitx"]])
def test_path_of_another_type_is_refused(path):
    with pytest.raises(TypeError, match=r"path must be a str or an os\.PathLike"):
        write_file(path, "arrays", {}, {})
    with pytest.raises(TypeError, match=r"path must be a str or an os\.PathLike"):
        read_file(path)


class Pair:
    """The smallest object that can be saved."""

    _storage_kind = "pair"

    def __init__(self, left, right, mapped=False):
        self.left, self.right, self.mapped = left, right, mapped

    def _to_stored(self):
        part = nest("right", {"values": self.right})
        return {"n": len(self.left)}, {"left": self.left} | part

    @classmethod
    def _from_stored(cls, meta, sections, mapped):
        if meta["n"] != len(sections["left"]):
            raise ValueError(f"n must be {len(sections['left'])}, got {meta['n']}")
        return cls(sections["left"], unnest("right", sections)["values"], mapped)

    def _check_content(self):
        if len(self.left) > 3:
            raise ValueError("left is too long")


@pytest.fixture
def pair_is_registered(monkeypatch):
    monkeypatch.setitem(storage.KINDS, "pair", f"{__name__}:Pair")


@MODES
@pytest.mark.usefixtures("pair_is_registered")
def test_save_and_load(tmp_path, mmap):
    storage.save(Pair(np.arange(3), np.arange(5)), tmp_path / "a.bitx")
    pair = storage.load(tmp_path / "a.bitx", mmap=mmap)
    assert isinstance(pair, Pair)
    assert (pair.left.tolist(), pair.right.tolist()) == ([0, 1, 2], [0, 1, 2, 3, 4])
    assert pair.mapped is mmap


@pytest.mark.usefixtures("pair_is_registered")
@pytest.mark.parametrize(
    ("meta", "sections", "problem"),
    [
        ({}, {}, "field 'n' is missing"),
        ({"n": 1}, {}, "field 'left' is missing"),
        ({"n": 1}, {"left": np.arange(2)}, "n must be 2, got 1"),
        ({"n": 2}, {"left": np.arange(2)}, "field 'values' is missing"),
    ],
)
def test_fields_that_do_not_fit_are_refused(tmp_path, meta, sections, problem):
    write_file(tmp_path / "a.bitx", "pair", meta, sections)
    with pytest.raises(
        FileFormatError, match=rf"a\.bitx: .* valid 'pair' file: {problem}"
    ) as caught:
        storage.load(tmp_path / "a.bitx")
    assert caught.value.__cause__ is not None


def test_unknown_kind_is_named(tmp_path):
    write_file(tmp_path / "a.bitx", "piano", {}, {})
    with pytest.raises(FileFormatError, match=r"unknown kind 'piano'; known are .*flat"):
        storage.load(tmp_path / "a.bitx")


@pytest.mark.parametrize("obj", [None, 5, np.zeros(3), Pair(np.arange(1), np.arange(1))])
def test_object_without_a_registered_kind_cannot_be_saved(tmp_path, obj):
    with pytest.raises(TypeError, match=f"can be saved, got {type(obj).__name__}"):
        storage.save(obj, tmp_path / "a.bitx")


def test_nest_and_unnest():
    inner = {"a": np.zeros(1), "b/c": np.ones(1)}
    outer = nest("part", inner) | {"partial": np.ones(2), "a": np.ones(3)}
    assert list(outer) == ["part/a", "part/b/c", "partial", "a"]
    assert unnest("part", outer) == inner
    assert unnest("other", outer) == {}
