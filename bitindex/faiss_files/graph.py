"""The graph of faiss's HNSW, from and to that of HNSWIndex.

faiss has one array of links. Those of a code stand together, layer by layer from the lowest on;
each layer has so many places for a code, and -1 stands in those behind its last link. A link is the
number of a code in every layer. HNSWIndex has a matrix for each layer, whose links are the numbers
of nodes in it (docs/format.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_NONE: Final = 2**32 - 1  # behind the last link of HNSWIndex; as int32 it is faiss's -1
MOST_LAYERS: Final = 64  # of two links a code, 30 hold 2**30 codes
_MOST_ROOM: Final = 4  # how much larger than the links of a file ours may be


@dataclass(frozen=True)
class FaissGraph:
    """Links between n codes.

    Attributes
    ----------
    starts : ndarray of int64
        Where among the links of a code those of each layer begin, and where the last end.
    levels : ndarray of int32, shape (n,)
        In how many layers each code is.
    links : ndarray of int32
        Of all codes.
    entry : int
        The code of the highest layer where searches begin.
    """

    starts: npt.NDArray[np.int64]
    levels: npt.NDArray[np.int32]
    links: npt.NDArray[np.int32]
    entry: int

    @cached_property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Where the links of each code begin, and where the last end."""
        return np.concatenate([[0], np.cumsum(self.starts[self.levels])])

    @property
    def n_layers(self) -> int:
        """How many layers have codes."""
        return int(self.levels.max(initial=1))

    @cached_property
    def m(self) -> int:
        """How many links HNSWIndex needs in upper layers; in the lowest it has twice as many."""
        degrees = np.diff(self.starts)[: self.n_layers]
        return max(2, -(-int(degrees[0]) // 2), int(degrees[1:].max(initial=0)))

    def check(self, offsets: npt.NDArray[np.uint64], top: int) -> None:
        """Raise ValueError where it is no graph, or not the one of a file's other fields.

        Parameters
        ----------
        offsets : ndarray
            Those of the file.
        top : int
            The highest layer, as the file says.
        """
        n, starts = len(self.levels), self.starts
        if not 2 <= len(starts) <= MOST_LAYERS + 1 or starts[0] != 0 or (np.diff(starts) < 1).any():
            raise ValueError(f"links of a code must be in 1 to {MOST_LAYERS} layers, from 0 on")
        if n == 0:
            return
        if not 1 <= self.levels.min() <= self.n_layers < len(starts):
            raise ValueError(f"codes must be in 1 to {len(starts) - 1} layers")
        if (self.offsets != offsets).any() or self.offsets[-1] != len(self.links):
            raise ValueError("the offsets of links must be those that the layers of codes make")
        if top != self.n_layers - 1:
            raise ValueError(f"the highest layer must be {self.n_layers - 1}, got {top}")
        if not 0 <= self.entry < n or self.levels[self.entry] != self.n_layers:
            raise ValueError(f"the entry must be a code of the highest layer, got {self.entry}")
        if not -1 <= self.links.min() <= self.links.max() < n:
            raise ValueError(f"links must lead to codes from 0 to {n - 1}")
        if self.m * (n + int(self.levels.sum())) > _MOST_ROOM * len(self.links):
            raise ValueError("the layers above the lowest must have about half as many links")

    def structure(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays of HNSWIndex, of a graph with codes."""
        n = len(self.levels)
        is_lowest = np.ones(len(self.links), bool)
        counts, upper_links, upper_rows, upper_below = [], [], [], []
        nodes = np.arange(n, dtype=np.uint32)  # of codes in the layer below
        for layer in range(1, self.n_layers):
            rows = self._rows(layer)
            places = self._places(rows, layer)
            is_lowest[places] = False
            upper_below.append(nodes[rows])
            nodes = np.full(n, _NONE, np.uint32)
            nodes[rows] = np.arange(len(rows))
            links = _matrix(self.links[places], self.m)
            is_link = links != _NONE
            links[is_link] = nodes[links[is_link]]
            if (links[is_link] == _NONE).any():
                raise ValueError(f"links in layer {layer} must lead to codes of it")
            counts.append(len(rows))
            upper_rows.append(rows)
            upper_links.append(links)
        lowest = self.links[is_lowest].reshape(n, self.starts[1])
        none = np.zeros(0, np.uint32)
        return {
            "links": _matrix(lowest, 2 * self.m),
            "upper_counts": np.array(counts, np.uint32),
            "upper_links": np.concatenate([*upper_links, np.zeros((0, self.m), np.uint32)]),
            "upper_rows": np.concatenate([none, *upper_rows]).astype(np.uint32),
            "upper_below": np.concatenate([none, *upper_below]),
            "twins": none,
            "pending": none,
        }

    @classmethod
    def of_structure(cls, n_layers: int, structure: Mapping[str, npt.NDArray[Any]]) -> FaissGraph:
        """Return the graph of an HNSWIndex whose rows are all linked.

        Parameters
        ----------
        n_layers : int
            How many layers `starts` describes, at least.
        """
        n, degree = structure["links"].shape
        layers = np.split(structure["upper_rows"], np.cumsum(structure["upper_counts"]))[:-1]
        upper_links = np.split(structure["upper_links"], np.cumsum(structure["upper_counts"]))[:-1]
        # As searches of HNSWIndex: from a code that is no twin, of the highest layer that has one.
        is_twin = np.zeros(n, bool)
        is_twin[structure["twins"]] = True
        while layers and is_twin[layers[-1]].all():
            layers.pop()
        highest = layers[-1] if layers else np.arange(n)
        entry = int(highest[~is_twin[highest]][0]) if n > 0 else -1

        levels = np.ones(n, np.int32)
        for rows in layers:
            levels[rows] += 1
        degrees = [degree] + max(n_layers - 1, len(layers)) * [degree // 2]
        starts = np.cumsum([0, *degrees])
        links = np.full(int(starts[levels].sum()), -1, np.int32)
        graph = cls(starts, levels, links, entry)
        is_lowest = np.ones(len(links), bool)
        for layer, (rows, of_nodes) in enumerate(zip(layers, upper_links, strict=False), 1):
            places = graph._places(rows, layer)
            is_lowest[places] = False
            is_link = of_nodes != _NONE
            links[places[is_link]] = rows[of_nodes[is_link]]
        links[is_lowest] = structure["links"].view(np.int32).ravel()
        return graph

    def _rows(self, layer: int) -> npt.NDArray[np.intp]:
        """Return the codes of an upper layer; the first of the highest is where searches begin."""
        rows = np.flatnonzero(self.levels > layer)
        if layer < self.n_layers - 1:
            return rows
        return np.concatenate([[self.entry], rows[rows != self.entry]])

    def _places(self, rows: npt.NDArray[Any], layer: int) -> npt.NDArray[np.int64]:
        """Return where the links of these codes in a layer are, a row for each code."""
        first, last = self.starts[layer : layer + 2]
        places: npt.NDArray[np.int64] = self.offsets[rows, np.newaxis] + np.arange(first, last)
        return places


def _matrix(links: npt.NDArray[np.int32], degree: int) -> npt.NDArray[np.uint32]:
    """Return links of `degree` places a code, up to the first -1 of each."""
    result = np.full((len(links), degree), _NONE, np.uint32)
    is_link = np.logical_and.accumulate(links >= 0, axis=1)
    result[:, : links.shape[1]][is_link] = links[is_link]
    return result
