import numpy as np
import pytest

from bitindex.binarize.sampling import sample_rows

pytestmark = pytest.mark.once

# A row tells its number, in float16 too.
ROWS = np.repeat(np.arange(1500, dtype=np.float32)[:, np.newaxis], 3, axis=1)


def batches(*sizes):
    ends = np.cumsum(sizes)
    return (ROWS[end - size : end] for end, size in zip(ends, sizes, strict=True))


SOURCES = {
    "array": lambda path: ROWS,
    "float16": lambda path: ROWS.astype(np.float16),
    "path": lambda path: path,
    "str": str,
    "list": lambda path: ROWS.tolist(),
    "batches": lambda path: batches(100, 0, 7, 1393),
    "other batches": lambda path: batches(1, 999, 500),
    "rows": lambda path: iter(ROWS),
    "one batch": lambda path: batches(1500),
}


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "X.npy", ROWS)
    return tmp_path / "X.npy"


@pytest.mark.parametrize("n_rows", [1, 2, 100, 1499])
def test_a_sample_is_the_same_from_every_source(path, n_rows):
    expected = sample_rows(ROWS, n_rows, 0)
    numbers = expected[:, 0]
    assert expected.shape == (n_rows, 3)
    assert expected.dtype == np.float32
    assert (np.diff(numbers) > 0).all()  # in the order of the source, none twice
    np.testing.assert_array_equal(expected, ROWS[numbers.astype(int)])
    for name, source in SOURCES.items():
        np.testing.assert_array_equal(
            sample_rows(source(path), n_rows, 0), expected, err_msg=f"{name}"
        )


@pytest.mark.parametrize("n_rows", [1500, 1501, 10**12])
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_fewer_rows_than_asked_for_are_all_taken(path, source, n_rows):
    np.testing.assert_array_equal(sample_rows(source(path), n_rows, 0), ROWS)


def test_the_seed_decides():
    assert (sample_rows(ROWS, 100, 0) == sample_rows(ROWS, 100, 0)).all()
    assert (sample_rows(ROWS, 100, 0) != sample_rows(ROWS, 100, 1)).any()


def test_all_rows_are_as_likely():
    counts = np.zeros(40)
    for seed in range(2000):
        counts[sample_rows(ROWS[:40], 10, seed)[:, 0].astype(int)] += 1
    # Each is in a quarter of the samples; 5 standard deviations.
    assert np.abs(counts - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)


def test_large_arrays_are_drawn_and_read_in_parts(monkeypatch):
    expected = sample_rows(ROWS, 100, 0)
    monkeypatch.setattr("bitindex.binarize.sampling._NUMBERS_AT_ONCE", 77)
    monkeypatch.setattr("bitindex.binarize.sampling._ROWS_AT_ONCE", 9)
    np.testing.assert_array_equal(sample_rows(ROWS, 100, 0), expected)


def test_one_dimension_is_one_row():
    np.testing.assert_array_equal(sample_rows(ROWS[7], 5, 0), ROWS[7:8])


def test_an_iterator_may_fill_one_array_again_and_again():
    def filled():
        buffer = np.empty((10, 3), np.float32)
        for first in range(0, 1500, 10):
            buffer[:] = ROWS[first : first + 10]
            yield buffer

    np.testing.assert_array_equal(sample_rows(filled(), 50, 0), sample_rows(ROWS, 50, 0))


def test_a_nan_of_the_sample_is_named_by_its_row_and_column():
    number = int(sample_rows(ROWS, 100, 0)[40, 0])
    bad = ROWS.copy()
    bad[number, 2] = np.nan
    for source in (bad, iter(np.array_split(bad, 7))):
        with pytest.raises(ValueError, match=f"X must be finite .* in row {number}, column 2$"):
            sample_rows(source, 100, 0)


@pytest.mark.parametrize("source", [ROWS[:0], [], iter([]), iter([ROWS[:0]])])
def test_no_rows_are_refused(source):
    with pytest.raises(ValueError, match="X must have at least 1 row, got none"):
        sample_rows(source, 10, 0)


def test_other_numbers_are_refused():
    with pytest.raises(TypeError, match="Q must be floats, got int64"):
        sample_rows(ROWS.astype(np.int64), 10, 0, "Q")
