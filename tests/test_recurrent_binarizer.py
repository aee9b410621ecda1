"""Recurrent codes: the network without torch, its bits, and how they are scored."""

import numpy as np
import pytest
import torch

import bitindex as bi
from bitindex.binarize.recurrent_network import RecurrentNetwork, plane_values, unit_rows
from bitindex.binarize.recurrent_training.model import RecurrentModel

RNG = np.random.default_rng(5)
X = RNG.standard_normal((401, 19)).astype(np.float32)
KINDS = {
    "1 bit": {"bits_per_dim": 1, "code_dim": 21},
    "2 bits": {"bits_per_dim": 2},
    "ternary": {"bits_per_dim": "ternary", "code_dim": 60},
    "3 bits": {"bits_per_dim": 3},
    "4 bits": {"bits_per_dim": 4, "code_dim": 40},
    "paper": {"bits_per_dim": 3, "recipe": "paper", "hidden_dim": 24},
}


def perturbed_model(n_dims, code_dim, values, shortcuts=True, seed=0):
    """A model in which no part is zero or the identity."""
    torch.manual_seed(seed)
    model = RecurrentModel(torch.randn(n_dims, code_dim) / 4, 17, values, shortcuts)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.dtype == torch.float32:
                tensor += 0.3 * torch.rand_like(tensor)
    return model.eval()


def slow_signs(network, rows):
    """Every sign of every row, from plain loops in float64; and how far each was from 0."""

    def block(blocks, i, x):
        hidden = np.maximum(x @ blocks.hidden[i].astype(np.float64) + blocks.hidden_bias[i], 0)
        inner = hidden
        if len(blocks.output[i]) > len(hidden):
            inner = np.concatenate([x, hidden])
        return inner @ blocks.output[i].astype(np.float64) + blocks.output_bias[i]

    n_planes, code_dim = network.to_code.output_bias.shape
    inputs = np.empty((len(rows), code_dim, n_planes))
    for row, target in zip(rows.astype(np.float64), inputs, strict=True):
        x = row / np.linalg.norm(row)
        levels = np.zeros(code_dim)
        for plane in range(n_planes):
            left = x
            if plane > 0:
                f = block(network.to_row, plane - 1, levels)
                left = x - f / np.linalg.norm(f)
            target[:, plane] = block(network.to_code, plane, left)
            value = network.values[plane] / network.values[0]
            levels += np.where(target[:, plane] > 0, value, -value)
    return inputs


@pytest.mark.parametrize("shortcuts", [True, False])
@pytest.mark.parametrize(("bits", "code_dim"), [(1, 23), (2, 19), (2, 7), (3, 30), (4, 19)])
def test_signs_are_those_of_slow_numpy_and_of_torch(bits, code_dim, shortcuts):
    model = perturbed_model(19, code_dim, plane_values(bits), shortcuts)
    network = RecurrentNetwork(*model.to_blocks(), plane_values(bits))
    signs = network.codes(X, 0)[0]
    inputs = slow_signs(network, X)
    # A sign may fall otherwise only where its input rounds to 0, and then also what follows it.
    clear = (np.abs(inputs) > 1e-4).all(axis=(1, 2))
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(signs[clear], inputs[clear] > 0)
    with torch.no_grad():
        planes = model(torch.from_numpy(unit_rows(X))).numpy()
    np.testing.assert_array_equal(signs[clear], planes.transpose(0, 2, 1)[clear] > 0)


def test_ternary_codes_write_level_0_in_one_way():
    values = plane_values("ternary")
    model = perturbed_model(19, 33, values)
    network = RecurrentNetwork(*model.to_blocks(), values)
    (signs, found), inputs = network.codes(X, 0), slow_signs(network, X)
    clear = (np.abs(inputs) > 1e-4).all(axis=(1, 2))
    levels = np.where(inputs > 0, 1, -1).sum(axis=2)
    assert {*levels.ravel()} == {-2, 0, 2}
    np.testing.assert_array_equal(found[clear], levels[clear])
    np.testing.assert_array_equal(found, np.where(signs, 1, -1).sum(axis=2))
    assert not (signs[:, :, 1] & ~signs[:, :, 0]).any()


def test_values_of_planes():
    np.testing.assert_array_equal(plane_values(1), [1])
    np.testing.assert_array_equal(plane_values(4), [8, 4, 2, 1])
    np.testing.assert_array_equal(plane_values("ternary"), [1, 1])


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def fitted(request):
    return bi.RecurrentBinarizer(n_epochs=2, query="binary", **request.param).fit(X)


def test_binary_scores_are_the_cosine_of_levels(fitted):
    codes = fitted.encode(X)
    levels = fitted.network.codes(X, 0)[1].astype(np.float64)
    lengths = np.linalg.norm(levels, axis=1)
    cosines = levels @ levels.T / (lengths[:, None] * lengths)
    index = bi.EmbeddingIndex(fitted)
    index.add(X)
    scores, ids = index.search(X[:50], k=len(X))
    # Three and four bits need more than 255 steps for two bytes.
    exact = fitted.plane_values_[0] < 4
    expected = np.take_along_axis(cosines[:50], ids, axis=1)
    np.testing.assert_allclose(scores, expected, atol=2e-6 if exact else 0.05)
    if fitted.bits_per_dim != "ternary":
        flat = bi.FlatIndex(codes.n_bits, metric=f"sdc{fitted.bits_per_dim}")
        flat.add(codes.packed)
        distances, _ = flat.search(codes.packed[:50], k=len(X))
        np.testing.assert_allclose(
            np.sort(1 - distances), np.sort(np.take_along_axis(cosines[:50], ids, 1)), atol=1e-6
        )
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(
            codes.factors[:, 0], np.linalg.norm(X, axis=1) / lengths, rtol=1e-5
        )


def test_binary_codes_are_decoded(fitted):
    decoded = fitted.decode(fitted.encode(X))
    products = (decoded * X).sum(axis=1)
    lengths = np.linalg.norm(decoded, axis=1), np.linalg.norm(X, axis=1)
    if fitted.recipe == "default":  # the other is far from trained after two epochs
        assert (products / lengths[0] / lengths[1]).mean() > 0.7
        assert (lengths[0] / lengths[1]).mean() == pytest.approx(1, abs=0.35)


def test_float_scores_are_the_cosine_of_what_codes_stand_for(fitted):
    binarizer = bi.RecurrentBinarizer(**fitted.get_params() | {"query": "float"}).fit(X)
    decoded = binarizer.decode(binarizer.encode(X))
    # The factors give what is decoded the length of the row.
    np.testing.assert_allclose(
        np.linalg.norm(decoded, axis=1), np.linalg.norm(X, axis=1), rtol=1e-4
    )
    index = bi.EmbeddingIndex(binarizer, similarity="dot")
    index.add(X)
    scores, ids = index.search(X[:20], k=5)
    expected = np.take_along_axis(X[:20] @ decoded.T, ids, axis=1)
    np.testing.assert_allclose(scores, expected, atol=0.05 * np.abs(expected).max())


def test_saved_and_loaded(fitted, tmp_path):
    index = bi.EmbeddingIndex(fitted, similarity="l2")
    index.add(X)
    index.save(tmp_path / "index.bitx")
    loaded = bi.load(tmp_path / "index.bitx", mmap=True)
    for a, b in zip(loaded.search(X[:9]), index.search(X[:9]), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(loaded.binarizer.encode(X).packed, fitted.encode(X).packed)


def test_lengths_do_not_change_codes(fitted):
    np.testing.assert_array_equal(fitted.encode(8 * X).packed, fitted.encode(X).packed)
    zeros = fitted.encode(np.zeros((2, 19)))
    np.testing.assert_array_equal(zeros.factors, 0)


def test_parameters_may_change_after_fit(fitted):
    expected = fitted.encode(X)
    before = fitted.get_params()
    fitted.set_params(bits_per_dim=1, code_dim=3, hidden_dim=5)
    np.testing.assert_array_equal(fitted.encode(X).packed, expected.packed)
    fitted.set_params(**before)


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import numpy as np, bitindex as bi
index = bi.load({path!r})
X = np.random.default_rng(1).standard_normal((30, 19)).astype(np.float32)
print(index.binarizer.encode(X).packed.tobytes().hex())
try:
    bi.RecurrentBinarizer().fit(X)
except ImportError as error:
    print(error)
"""


def test_torch_is_needed_to_fit_only(run_python, tmp_path):
    binarizer = bi.RecurrentBinarizer(n_epochs=1).fit(X)
    index = bi.EmbeddingIndex(binarizer)
    path = str(tmp_path / "index.bitx")
    index.save(path)
    codes, message = run_python(WITHOUT_TORCH.format(path=path)).strip().splitlines()
    rows = np.random.default_rng(1).standard_normal((30, 19)).astype(np.float32)
    assert codes == binarizer.encode(rows).packed.tobytes().hex()
    assert message == "RecurrentBinarizer is trained with PyTorch: pip install bitindex[train]"


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"code_dim": 0}, ValueError, "code_dim must be >= 1, got 0"),
        ({"bits_per_dim": 0}, ValueError, "bits_per_dim must be >= 1, got 0"),
        ({"bits_per_dim": 5}, ValueError, "bits_per_dim must be <= 4, got 5"),
        ({"bits_per_dim": "binary"}, ValueError, "bits_per_dim must be one of ternary"),
        ({"bits_per_dim": 1.5}, TypeError, "bits_per_dim must be an integer, got float"),
        ({"hidden_dim": 0}, ValueError, "hidden_dim must be >= 1, got 0"),
        ({"recipe": "best"}, ValueError, "recipe must be one of default, paper, got 'best'"),
        ({"query": "int"}, ValueError, "query must be one of float, binary, got 'int'"),
        ({"n_epochs": -1}, ValueError, "n_epochs must be >= 0, got -1"),
        ({"batch_size": 1}, ValueError, "batch_size must be >= 2, got 1"),
        ({"device": "tpu"}, ValueError, "device must be one of cpu, cuda, got 'tpu'"),
    ],
)
def test_refusals(params, error, message):
    with pytest.raises(error, match=message):
        bi.RecurrentBinarizer(**params).fit(X)
