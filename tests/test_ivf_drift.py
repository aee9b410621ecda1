"""IVFIndex whose rows give way to rows of another kind: nprobe="auto" and the lists follow them."""

import numpy as np
import pytest

import bitindex as bi

N = 4000
N_BITS = 128


def clustered(seed, n, n_clusters=60):
    """Codes around centers of their own, an eighth of the bits away from them."""
    rng = np.random.default_rng(seed)
    centers = rng.integers(0, 256, (n_clusters, N_BITS // 8), dtype=np.uint8)
    flips = rng.integers(0, 256, (3, n, N_BITS // 8), dtype=np.uint8)
    return centers[rng.integers(n_clusters, size=n)] ^ np.bitwise_and.reduce(flips)


def random(seed, n):
    return np.random.default_rng(seed).integers(0, 256, (n, N_BITS // 8), dtype=np.uint8)


def filled():
    index = bi.IVFIndex(N_BITS, n_lists=120)
    index.add(clustered(0, N))
    assert index.nprobe <= 8
    return index


def recall(index, queries, **options):
    exact = bi.FlatIndex(N_BITS)
    exact.add(index.get(index.ids), index.ids)
    farthest = exact.search(queries, 10)[0][:, -1:]
    return np.mean(index.search(queries, 10, **options)[0] <= farthest)


def in_a_window(index, codes):
    for first in range(0, N, N // 10):
        index.add(codes[first : first + N // 10])
        index.remove(np.arange(first, first + N // 10))


def by_updates(index, codes):
    for ids in np.array_split(np.random.default_rng(1).permutation(N), 6):
        index.update(ids, codes[ids])


def by_additions(index, codes):
    for some in np.array_split(codes[:3600], 9):  # so few that no list is learned anew
        index.add(some)


def by_removal_and_return(index, codes):
    gone = np.random.default_rng(2).permutation(N)[: N * 9 // 10]
    index.remove(gone)
    index.add(codes[: len(gone)], gone)


@pytest.mark.parametrize("other", [lambda n: clustered(3, n), lambda n: random(4, n)])
@pytest.mark.parametrize("change", [in_a_window, by_updates, by_additions, by_removal_and_return])
def test_auto_follows_rows_of_another_kind(change, other):
    index, codes = filled(), other(N + 200)
    stale = index.nprobe
    change(index, codes[:N])
    assert recall(index, codes[N:], nprobe=stale) < 0.8
    assert recall(index, codes[N:]) >= 0.95


def test_auto_after_most_rows_have_gone():
    index = filled()
    index.remove(np.random.default_rng(5).permutation(N)[: N * 9 // 10])
    assert recall(index, clustered(0, N + 200)[N:]) >= 0.95


def test_lists_are_learned_anew_once_rows_were_replaced_three_times():
    index, codes = filled(), clustered(6, N + 200)
    index.update(np.arange(N), codes[:N])
    assert index.nprobe > 30  # lists of the rows before are of little use
    for _ in range(2):
        index.update(np.arange(N), codes[:N])
    assert index.nprobe <= 8
    assert recall(index, codes[N:]) >= 0.95


def test_given_lists_stay():
    index, codes = bi.IVFIndex(N_BITS, n_lists=120), clustered(7, N)
    index.train(clustered(0, N))
    index.add(codes)
    centroids = index._core.structure()["centroids"]
    for _ in range(4):
        index.update(np.arange(N), codes)
    np.testing.assert_array_equal(index._core.structure()["centroids"], centroids)


def test_rows_without_a_list_are_found_whatever_else_goes():
    # As after an interrupted update: the rows behind the lists are looked at by every query.
    meta, sections = filled()._to_stored()
    sizes = sections["structure/sizes"].copy()
    sizes[-60:] = 0
    part = bi.IVFIndex._from_stored(meta, sections | {"structure/sizes": sizes}, mapped=False)
    part.remove(np.arange(0, N, 3))
    assert part.nprobe <= part.n_lists
    assert recall(part, clustered(0, N + 200)[N:]) >= 0.95
