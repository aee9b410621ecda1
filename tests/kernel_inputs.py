"""What kernels are tried with: every length, odd addresses, and all kinds of bytes."""

import numpy as np

LENGTHS = range(131)


def at_offset(array, offset):
    """Return a copy that starts `offset` items behind where NumPy aligned its memory."""
    memory = np.empty(offset + array.size, array.dtype)
    memory[offset:] = array.ravel()
    return memory[offset:].reshape(array.shape)


def contents(rng, *shape):
    yield rng.integers(0, 256, shape, dtype=np.uint8)
    yield np.zeros(shape, np.uint8)
    yield np.full(shape, 255, np.uint8)
