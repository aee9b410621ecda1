"""nprobe="auto" of EmbeddingIndex: enough lists for float queries, whatever the unit of rows."""

import numpy as np
import pytest

import bitindex as bi

N = 4000
N_QUERIES = 200


def clustered(rng, n):
    centers = np.random.default_rng(0).standard_normal((40, 48))
    return centers[rng.integers(0, 40, n)] + 0.6 * rng.standard_normal((n, 48))


def of_falling_variance(rng, n):
    return rng.standard_normal((n, 64)) * np.arange(1, 65) ** -0.5


def off_center(rng, n):
    return rng.standard_normal((n, 48)) * 0.5 + np.linspace(-1, 1, 48)


DATA = [clustered, of_falling_variance, off_center]
BINARIZERS = {
    "sign": lambda: bi.SignBinarizer("mean"),
    "lsh": lambda: bi.LSHBinarizer(96, random_state=0),
    "rotation": lambda: bi.RotationBinarizer(random_state=0),
    "rotation of 4 bits": lambda: bi.RotationBinarizer(bits_per_dim=4, random_state=0),
}


@pytest.fixture(scope="module", params=DATA, ids=lambda data: data.__name__)
def rows(request):
    return request.param(np.random.default_rng(1), N + N_QUERIES).astype(np.float32)


def filled(kind, rows, binarizer, similarity, **options):
    index = bi.EmbeddingIndex(BINARIZERS[binarizer](), kind, similarity, **options).fit(rows)
    index.add(rows)
    return index


def n_probes(index):
    return int(index._core.versions[0].core.structure()["state"][2])


@pytest.mark.parametrize("similarity", ["cosine", "dot", "l2"])
@pytest.mark.parametrize("binarizer", BINARIZERS)
def test_the_target_is_reached(rows, binarizer, similarity):
    flat = filled("flat", rows[:N], binarizer, similarity)
    lists = filled("ivf", rows[:N], binarizer, similarity, n_lists=120)
    nearest = flat.search(rows[N:], 10)[0][:, -1:]
    # Numbers are made up bit by bit, which those of a dimension that has several are not.
    target = 0.9 if binarizer == "rotation of 4 bits" else 0.95
    assert (lists.search(rows[N:], 10)[0] >= nearest).mean() >= target


@pytest.mark.parametrize("similarity", ["dot", "l2"])
@pytest.mark.parametrize("binarizer", BINARIZERS)
def test_the_unit_of_the_rows_does_not_matter(rows, binarizer, similarity):
    probes = [
        n_probes(filled("ivf", rows[:N] * np.float32(unit), binarizer, similarity, n_lists=120))
        for unit in (2.0**-7, 1, 2.0**7)
    ]
    assert max(probes) <= 1.1 * min(probes) + 1


@pytest.mark.parametrize("seed", [0, 1])
def test_lists_of_floats_are_enough_even_for_noise(seed):
    rng = np.random.default_rng(seed)
    rows, queries = (rng.standard_normal((n, 48), dtype=np.float32) for n in (6000, N_QUERIES))
    binarizer = bi.RotationBinarizer(bits_per_dim=4, random_state=0)
    options = {"residuals": True, "n_lists": 300, "seed": seed}
    index = bi.EmbeddingIndex(binarizer, "ivf", rescore="float32", **options).fit(rows)
    index.add(rows)
    _, true_ids = bi.evaluate.exact_search(queries, rows, k=10)
    assert bi.evaluate.recall_at_k(index.search(queries, 10)[1], true_ids, k=10) >= 0.95
