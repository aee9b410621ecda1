"""Slow, obvious NumPy: what the compiled code must compute."""

import numpy as np

N_LANES = 16


def bits(codes):
    return np.unpackbits(codes, axis=-1).astype(np.uint32)


def popcount(codes):
    return bits(codes).sum(axis=-1, dtype=np.uint32)


def table_sums(rows, table):
    """For a table of shape (n_bytes, 2, 16): entries for low nibbles, then for high ones."""
    position = np.arange(rows.shape[1])
    entries = table.astype(np.uint32)
    low = entries[position, 0, rows & 15]
    high = entries[position, 1, rows >> 4]
    return (low + high).sum(axis=1, dtype=np.uint32)


def count_bits(query, rows, common):
    """Bits that each row has in common with the query, or in which it differs."""
    return popcount(query & rows if common else query ^ rows).astype(np.int64)


def rows_within(queries, rows, common, bounds):
    """Rows that have at least so many bits in common with each query, or differ in at most so."""
    for query, bound in zip(queries, bounds, strict=True):
        counts = count_bits(query, rows, common)
        yield np.flatnonzero(counts >= bound if common else counts <= bound)


def select_rows(sums, *, alpha, gamma, beta, limit, scale=None, offset=None):
    alpha, gamma, beta, limit = np.float32([alpha, gamma, beta, limit])
    value = alpha * sums.astype(np.float32) + gamma
    if scale is not None:
        value = value * scale
    if offset is not None:
        value = value + beta * offset
    return np.flatnonzero(value <= limit).astype(np.uint32)


def add_in_lanes(terms):
    """Sum of float32 terms in the order that csrc/kernels/kernel_table.h prescribes."""
    padded = np.zeros(-(-len(terms) // N_LANES) * N_LANES, np.float32)
    padded[: len(terms)] = terms
    lanes = np.zeros(N_LANES, np.float32)
    for row in padded.reshape(-1, N_LANES):
        lanes = lanes + row
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = lanes[:half] + lanes[half:]
    return lanes[0]


def dot(query, x, scale):
    return add_in_lanes(query * x.astype(np.float32)) * np.float32(scale)


def multiply_rows(rows, matrix):
    """The sums of float32 products, one dimension after the other."""
    sums = np.zeros((len(rows), matrix.shape[1]), np.float32)
    for k in range(len(matrix)):
        sums = sums + rows[:, k, np.newaxis] * matrix[k]
    return sums


def recurrent_codes(rows, to_code, to_row, values):
    """Signs and levels of a recurrent network, whose blocks are tuples of four arrays."""

    def block(blocks, i, x):
        hidden, hidden_bias, output, output_bias = (array[i] for array in blocks)
        inner = np.maximum(multiply_rows(x, hidden) + hidden_bias, np.float32(0))
        if len(output) > len(hidden_bias):
            inner = np.concatenate([x, inner], axis=1)
        return multiply_rows(inner, output) + output_bias

    def normalized(x):
        lengths = np.sqrt(np.square(x.astype(np.float64)).sum(axis=1)).astype(np.float32)
        return x / np.where(lengths > 0, lengths, np.float32(1))[:, np.newaxis]

    x, signs = normalized(rows), []
    levels = np.zeros((len(rows), to_code[3].shape[1]), np.float32)
    for plane, value in enumerate(values):
        left = x
        if plane > 0:
            left = x - normalized(block(to_row, plane - 1, levels / values[0]))
        signs.append(block(to_code, plane, left) > 0)
        levels += np.where(signs[-1], value, -value)
    return np.stack(signs, axis=2), levels


def decide_signs(evidence, fed_back, stretch, feedback):
    """Sixteen signs of each row in turn, and what becomes of the evidence for them."""
    left = evidence[:, :16] * np.float32(stretch) + fed_back
    signs = np.empty(left.shape, np.int8)
    for i in range(16):
        signs[:, i] = np.where(np.signbit(left[:, i]), -1, 1)
        left -= signs[:, i, np.newaxis].astype(np.float32) * feedback[i]
    after = evidence.copy()
    after[:, :16] = left - evidence[:, :16] * (np.float32(stretch) - np.float32(1))
    return (signs + 1).astype(np.uint8), after


def weigh_left(signs, weights, noise, left):
    """What deciding signs left over becomes, and what of it is weighed."""
    sign = signs.astype(np.float32) - 1
    weighed = weights * (left - sign)
    return weighed + np.float32(noise) * sign, weighed


def rounded_short(x):
    """The nearest integers, at most 32767 in magnitude."""
    return np.rint(np.clip(x, -32767, 32767)).astype(np.int16)


def start_flips(signs, gradient, along, own, scales, pulls, along_weight, pull_scale):
    """Costs and pulls as integers where a search starts, and the signs as 0 and -1."""
    sign = signs.astype(np.float32) - 1
    own = own + np.float32(along_weight) * along * along
    costs = rounded_short((sign * gradient + own) * scales)
    return costs, rounded_short(sign * pulls * np.float32(pull_scale)), np.int16(sign < 0) * -1


def next_flip(costs, row, sign, signs, pulls, factor):
    """The new costs, the bit with the smallest one where pulls are added, and that cost."""
    least, most = np.iinfo(np.int16).min, np.iinfo(np.int16).max
    costs = np.clip(costs.astype(np.int32) + (row ^ np.int16(sign) ^ signs), least, most)
    pulled = np.clip(costs + (pulls.astype(np.int32) * factor + 2**14 >> 15), least, most)
    bits = np.flatnonzero(pulled == pulled.min())
    best = min(bits, key=lambda bit: (bit % 32, bit))
    return costs.astype(np.int16), best, pulled[best]


def hadamard(x, factors, first, n):
    """The Walsh-Hadamard transform of n numbers from ``first`` on, after all were multiplied."""
    result = x * factors
    part = result[first : first + n]
    h = 1
    while h < n:
        pairs = part.reshape(-1, 2, h)
        part = np.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).ravel()
        h *= 2
    result[first : first + n] = part
    return result


def level_sums(x, t, most):
    half_levels = np.minimum(np.rint(np.float32(t) * x - np.float32(0.5)), np.float32(most))
    half_levels = half_levels + np.float32(0.5)
    return add_in_lanes(x * half_levels), add_in_lanes(half_levels * half_levels)


def squared_l2(query, x, scale):
    difference = query - np.float32(scale) * x.astype(np.float32)
    return add_in_lanes(difference * difference)
