"""Means beside the centroids of IVFIndex: which lists they choose, and files without them."""

import numpy as np
import pytest
from reference_index import assert_same_answers

import bitindex as bi
from bitindex.storage import FileFormatError, read_file, write_file

N_BITS = 72


@pytest.fixture(scope="module")
def codes():
    """Codes around 40 random ones, in which some bits are surer than others."""
    rng = np.random.default_rng(0)
    centers = rng.random((40, N_BITS)) < 0.5
    noise = rng.random((40, N_BITS)) * 0.45
    cluster = rng.integers(40, size=4000)
    bits = centers[cluster] ^ (rng.random((4000, N_BITS)) < noise[cluster])
    return np.packbits(bits, axis=1)


def saved(index, path):
    index.save(path)
    return read_file(path)


def bits_of(codes):
    return np.unpackbits(codes, axis=1, bitorder="little").astype(float)


def list_of_each_id(stored):
    sizes = stored.sections["structure/sizes"]
    ids = stored.sections.get("ids", np.arange(sizes.sum()))
    return dict(zip(ids.tolist(), np.repeat(np.arange(len(sizes)), sizes).tolist(), strict=True))


def squared_distances(stored, codes):
    """From the mean of each list, as the file has it."""
    weights = stored.sections["structure/means"].reshape(-1, N_BITS).astype(float)
    return ((bits_of(codes)[:, None, :] - (weights / 127 + 1) / 2) ** 2).sum(axis=2)


def test_rows_stand_in_the_list_of_the_nearest_mean(codes, tmp_path):
    index = bi.IVFIndex(N_BITS, n_lists=15)
    index.add(codes[:3000])
    index.add(codes[3000:])  # into the lists that are there
    stored = saved(index, tmp_path / "index.bitx")
    distances = squared_distances(stored, codes)
    lists = list_of_each_id(stored)
    placed = np.array([lists[i] for i in range(len(codes))])
    # Means are rounded to whole numbers of 127ths, once more for the whole distance.
    chosen = distances[np.arange(len(codes)), placed]
    np.testing.assert_array_less(chosen, distances.min(axis=1) + 0.02)


def test_means_are_those_of_the_rows(codes, tmp_path):
    index = bi.IVFIndex(N_BITS, n_lists=15)
    index.add(codes)
    stored = saved(index, tmp_path / "index.bitx")
    lists = list_of_each_id(stored)
    placed = np.array([lists[i] for i in range(len(codes))])
    weights = stored.sections["structure/means"].reshape(-1, N_BITS)
    for number in range(index.n_lists):
        share = bits_of(codes[placed == number]).mean(axis=0)
        # Centroids were learned from a part of the rows.
        assert np.abs(share - (weights[number] / 127 + 1) / 2).mean() < 0.08


def test_a_query_looks_at_the_list_of_the_nearest_mean(codes, tmp_path):
    index = bi.IVFIndex(N_BITS, n_lists=15)
    index.add(codes)
    stored = saved(index, tmp_path / "index.bitx")
    lists = list_of_each_id(stored)
    rng = np.random.default_rng(1)
    queries = codes[:100] ^ np.packbits(rng.random((100, N_BITS)) < 0.1, axis=1)
    distances = squared_distances(stored, queries)
    for nprobe in (1, 3):
        _, ids = index.search(queries, 20, nprobe=nprobe)
        for q, found in enumerate(ids.tolist()):
            looked_at = {lists[i] for i in found}
            farthest = np.sort(distances[q])[nprobe - 1]
            assert all(distances[q][number] < farthest + 0.02 for number in looked_at)


def test_means_find_more_than_codes_alone(tmp_path):
    rng = np.random.default_rng(2)
    centers = rng.random((3000, N_BITS)) < 0.5
    bits = centers[rng.integers(3000, size=40_000)] ^ (rng.random((40_000, N_BITS)) < 0.1)
    rows = np.packbits(bits, axis=1)
    queries = rows[::400] ^ np.packbits(rng.random((100, N_BITS)) < 0.1, axis=1)
    index = bi.IVFIndex(N_BITS)
    index.add(rows)
    stored = saved(index, tmp_path / "index.bitx")
    del stored.sections["structure/means"]
    write_file(tmp_path / "codes.bitx", stored.kind, stored.meta, stored.sections)
    flat = bi.FlatIndex(N_BITS)
    flat.add(rows)
    limit = flat.search(queries, 10)[0][:, -1:]
    by_codes = bi.load(tmp_path / "codes.bitx")

    def recall(index):
        return (index.search(queries, 10, nprobe=4)[0] <= limit).mean()

    assert recall(index) > recall(by_codes) + 0.02
    everything = index.n_lists
    assert_same_answers(by_codes.search(queries, 10, nprobe=everything), flat.search(queries, 10))


def test_an_index_without_means_lives_on(codes, tmp_path):
    """Files of before have none, nor have those that come from faiss."""
    index = bi.IVFIndex(N_BITS, n_lists=15)
    index.add(codes[:2000])
    stored = saved(index, tmp_path / "index.bitx")
    del stored.sections["structure/means"]
    write_file(tmp_path / "codes.bitx", stored.kind, stored.meta, stored.sections)
    loaded = bi.load(tmp_path / "codes.bitx")
    loaded.add(codes[2000:])
    loaded.remove(np.arange(0, 4000, 7))
    distances, _ = loaded.search(codes[1:50], 1, nprobe=4)
    assert (distances == 0)[np.arange(1, 50) % 7 != 0].mean() > 0.9
    assert "structure/means" not in saved(loaded, tmp_path / "again.bitx").sections
    loaded.rebalance()
    assert "structure/means" in saved(loaded, tmp_path / "again.bitx").sections


def test_other_metrics_have_no_means(codes, tmp_path):
    index = bi.IVFIndex(N_BITS, "jaccard", n_lists=15)
    index.add(codes)
    stored = saved(index, tmp_path / "index.bitx")
    assert "structure/means" not in stored.sections
    stored.sections["structure/means"] = np.zeros(15 * N_BITS, np.int8)
    write_file(tmp_path / "index.bitx", stored.kind, stored.meta, stored.sections)
    with pytest.raises(FileFormatError, match="means' must hold 0 numbers"):
        bi.load(tmp_path / "index.bitx")


@pytest.mark.parametrize(
    ("means", "problem"),
    [
        (np.zeros(15 * N_BITS - 1, np.int8), "means' must hold 1080 numbers, got 1079"),
        (np.zeros(15 * N_BITS, np.uint8), "int8 with ndim=1"),
    ],
)
def test_wrong_means_are_refused(codes, tmp_path, means, problem):
    index = bi.IVFIndex(N_BITS, n_lists=15)
    index.add(codes)
    stored = saved(index, tmp_path / "index.bitx")
    stored.sections["structure/means"] = means
    write_file(tmp_path / "index.bitx", stored.kind, stored.meta, stored.sections)
    with pytest.raises(FileFormatError, match=problem):
        bi.load(tmp_path / "index.bitx")
