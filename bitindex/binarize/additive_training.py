"""How a decoder for additive codes is learned; see :mod:`bitindex.binarize.additive`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bitindex import _core
from bitindex._bitops import pack, unpack

Floats = npt.NDArray[np.float32]

_NEIGHBOURS = 10
_NEIGHBOUR_QUERIES = 2000
_QUERIES_AT_ONCE = 500
# Half of the metric is that of the neighbours, half weighs all directions alike.
_LOCAL_SHARE = 0.5
# The share of the error along a row that the search is told of: with all of it, every single flip
# makes the error worse, and the search ends where it began.
_ALONG_SHARE = 0.04
_TRAINING_PATIENCE = 20
_DECODER_STEPS = 4
# How far the decoder is held back, and how much more where there are few rows for a bit.
_RIDGE = 1e-3
_RIDGE_PER_BIT = 0.1
# The error that bits still open make, as a share of the mean energy of a bit.
_OPEN_ERROR = 0.1


@dataclass(frozen=True)
class ScoreMetric:
    """What an error e of a row costs: e^T weights e + along_weight <v, e>^2, v = r + along_center.

    That is the expected squared error of its scores, for queries a v + u near the row, with the
    share a of the row and the rest u, whose second moment are the weights.
    """

    weights: Floats
    along_weight: float
    along_center: Floats


def plain_metric(n_dims: int) -> ScoreMetric:
    """Return the metric for rows too few to measure one: all directions weigh alike."""
    return ScoreMetric(np.eye(n_dims, dtype=np.float32), 0.0, np.zeros(n_dims, np.float32))


@dataclass(frozen=True)
class TrainedCoder:
    """The matrices of a coder, as csrc/encode/additive.h names them."""

    decoder: Floats
    weighted: Floats
    evidence: Floats
    feedback: Floats


def score_metric(directions: Floats, center: Floats, seed: int) -> ScoreMetric:
    """Measure how queries differ from their neighbours, with rows of the sample as queries.

    Of rows of length 1 around a short center the inner products count, of others the distances.
    """
    n_rows, n_dims = directions.shape
    lengths = np.linalg.norm(directions + center, axis=1)
    unit = bool((np.abs(lengths - 1) < 1e-3).all())
    # Where the center is long, the error along it would drown all others.
    folds = unit and 2 * float(center @ center) < 1
    along_center = center if folds else np.zeros_like(center)
    rows = directions + along_center
    squares = np.einsum("ij,ij->i", rows, rows)
    total = np.zeros((n_dims, n_dims))
    shares = 0.0
    generator = np.random.default_rng(seed)
    queries = generator.permutation(n_rows)[:_NEIGHBOUR_QUERIES]
    k = min(_NEIGHBOURS, n_rows - 1)
    for first in range(0, len(queries) if k > 0 else 0, _QUERIES_AT_ONCE):
        part = queries[first : first + _QUERIES_AT_ONCE]
        products = rows[part] @ rows.T
        nearness = products - squares / 2
        nearness[np.arange(len(part)), part] = -np.inf
        nearest = np.argpartition(-nearness, k - 1, axis=1)[:, :k]
        near_products = np.take_along_axis(products, nearest, axis=1)
        near_squares = squares[nearest]
        along = np.divide(
            near_products, near_squares, out=np.zeros_like(near_products), where=near_squares > 0
        )
        rest = rows[part][:, np.newaxis] - along[:, :, np.newaxis] * rows[nearest]
        rest = rest.reshape(-1, n_dims)
        total += rest.T @ rest
        shares += float((along**2).sum())
    scale = float(np.trace(total)) / n_dims
    if not scale > 0:  # no neighbours, or all of them equal
        return ScoreMetric(np.eye(n_dims, dtype=np.float32), 1.0, along_center)
    share = _LOCAL_SHARE * n_rows / (n_rows + n_dims)
    weights = share * total / scale + (1 - share) * np.eye(n_dims)
    return ScoreMetric(weights.astype(np.float32), _ALONG_SHARE * shares / scale, along_center)


def _stage_sizes(n_bits: int, n_dims: int) -> list[int]:
    """Return how many bits each stage of the first codes has.

    One stage for one bit a dimension; from two bits on, stages of a quarter of the dimensions, so
    that directions of large variance get more bits.
    """
    quarter = -(-n_dims // 4)
    sizes = [min(n_bits, max(quarter, min(n_dims, 2 * n_dims - n_bits)))]
    while sum(sizes) < n_bits:
        sizes.append(min(quarter, n_bits - sum(sizes)))
    return sizes


class DecoderTraining:
    """Alternates between the best codes for a decoder and the best decoder for the codes."""

    def __init__(
        self, rows: Floats, center: Floats, metric: ScoreMetric, n_bits: int, seed: int
    ) -> None:
        self._rows = rows
        self._center = center
        self._directions = rows - center
        self._n_bits = n_bits
        self.metric = metric
        self._ridge = _RIDGE + _RIDGE_PER_BIT * n_bits / len(rows)
        self._signs, self._prior = self._first_stages(np.random.default_rng(seed))
        self._decoder = self._prior

    def _first_stages(self, generator: np.random.Generator) -> tuple[Floats, Floats]:
        """Binarize what earlier stages left over, rotated to its principal axes in the metric."""
        n_rows, n_dims = self._directions.shape
        root = np.linalg.cholesky(self.metric.weights.astype(np.float64))
        left = (self._directions @ root).astype(np.float32)
        signs, decoders = [], []
        for n_bits in _stage_sizes(self._n_bits, n_dims):
            axes = np.linalg.eigh((left.T @ left).astype(np.float64))[1][:, ::-1][:, :n_bits]
            turn = np.linalg.qr(generator.standard_normal((n_bits, n_bits)))[0]
            axes = (axes @ turn).astype(np.float32)
            projected = left @ axes
            stage = np.where(projected > 0, np.float32(1), np.float32(-1))
            prior = axes * np.float32(np.abs(projected).mean())
            gram = stage.T @ stage / n_rows + self._ridge * np.eye(n_bits)
            moment = stage.T @ left / n_rows + self._ridge * prior.T
            decoder = np.linalg.solve(gram, moment).T.astype(np.float32)
            left -= stage @ decoder.T
            signs.append(stage)
            decoders.append(decoder)
        decoder = np.linalg.solve(root.T, np.concatenate(decoders, axis=1))
        return np.concatenate(signs, axis=1), np.ascontiguousarray(decoder, np.float32)

    def round(self) -> None:
        """Improve the codes of all rows, and then the decoder.

        With more bits than dimensions codes depend on where the search starts, and those of the
        round before are no longer like the ones that encoding will find.
        """
        trained = self.coder()
        afresh = self._n_bits > len(trained.decoder)
        coder = _core.AdditiveCoder(
            self._center,
            self.metric.along_center,
            trained.decoder,
            trained.weighted,
            trained.evidence,
            trained.feedback,
            self.metric.along_weight,
        )
        columns = columns_of_bits(self._n_bits)
        start = None if afresh else pack(self._signs[:, columns] > 0)
        bits = unpack(coder.encode(self._rows, _TRAINING_PATIENCE, start, 0), self._n_bits)
        self._signs[:, columns] = np.where(bits, np.float32(1), np.float32(-1))
        self._fit_decoder()

    def _fit_decoder(self) -> None:
        """Take some steps of preconditioned conjugate gradients, from the present decoder.

        The error along the rows couples all entries of the decoder, so there is no closed form.
        """
        signs, n_rows = self._signs, np.float32(len(self._signs))
        weights, weight = self.metric.weights, np.float32(self.metric.along_weight)
        along = self._directions + self.metric.along_center
        mean_weights = weights + weight * (along.T @ along) / n_rows
        ridge = np.float32(self._ridge)

        def moment(errors: Floats) -> Floats:
            weighed = errors @ weights
            weighed += weight * np.einsum("ij,ij->i", along, errors)[:, np.newaxis] * along
            return np.asarray(weighed.T @ signs / n_rows)

        def apply(decoder: Floats) -> Floats:
            return moment(signs @ decoder.T) + ridge * (mean_weights @ decoder)

        gram = (signs.T @ signs).astype(np.float64) / len(signs)
        gram[np.diag_indices(self._n_bits)] += self._ridge
        right = np.linalg.inv(gram).astype(np.float32)
        left = np.linalg.inv(mean_weights.astype(np.float64)).astype(np.float32)
        decoder = self._decoder
        rest = moment(self._directions) + ridge * (mean_weights @ self._prior) - apply(decoder)
        step = conditioned = left @ rest @ right
        length = float((rest * conditioned).sum())
        for _ in range(_DECODER_STEPS):
            if not length > 0:
                break
            image = apply(np.asarray(step, np.float32))
            size = np.float32(length / float((step * image).sum()))
            decoder = np.asarray(decoder + size * step, np.float32)
            rest = np.asarray(rest - size * image, np.float32)
            conditioned = left @ rest @ right
            last, length = length, float((rest * conditioned).sum())
            step = np.asarray(conditioned + np.float32(length / last) * step, np.float32)
        self._decoder = np.ascontiguousarray(decoder, np.float32)

    def coder(self) -> TrainedCoder:
        """Order the bits by their energy, and prepare the start of the search."""
        energies = np.einsum("ij,ij->j", self._decoder, self.metric.weights @ self._decoder)
        order = np.argsort(-energies, kind="stable")
        self._decoder, self._prior = self._decoder[:, order], self._prior[:, order]
        self._signs = self._signs[:, order]
        decoder = self._decoder.astype(np.float64)
        weighted = self.metric.weights.astype(np.float64) @ decoder
        gram = decoder.T @ weighted
        gram = (gram + gram.T) / 2
        # With bits taken for Gaussian: precision = 1 + gram / noise = L^T L, L lower triangular.
        noise = _OPEN_ERROR * max(float(np.trace(gram)) / self._n_bits, 1e-30)
        precision = np.eye(self._n_bits) + gram / noise
        lower = np.linalg.cholesky(precision[::-1, ::-1])[::-1, ::-1].T
        diagonal = np.diag(lower)
        evidence = np.linalg.solve(lower.T, weighted.T).T / (noise * diagonal)
        feedback = np.triu((lower / diagonal[:, np.newaxis]).T, 1)
        return TrainedCoder(
            *(np.ascontiguousarray(m, np.float32) for m in (decoder, weighted, evidence, feedback))
        )


def columns_of_bits(n_bits: int) -> npt.NDArray[np.intp]:
    """Return which column of D each bit of a code stands for, as csrc/encode/bit_order.h says.

    Columns are dealt out to pairs of bytes by their energy, to and fro: a query's table is rounded
    to steps that its heaviest two bytes need.
    """
    turn, pair = np.arange(n_bits) % 16, np.arange(n_bits) // 16
    return np.argsort(np.lexsort((np.where(turn % 2, -pair, pair), turn)))
