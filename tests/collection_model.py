"""What the tests of collections share: a small index, embeddings, and a model in plain Python."""

import numpy as np

import bitindex as bi

N_DIMS = 16


def embeddings(seeds):
    """Return a row for each seed, which depends on it alone."""
    rows = [np.random.default_rng(seed).standard_normal(N_DIMS) for seed in seeds]
    return np.array(rows, np.float32).reshape(len(rows), N_DIMS)


def empty_index(**arguments):
    binarizer = bi.SignBinarizer().fit(embeddings(range(20)))
    return bi.EmbeddingIndex(binarizer, **{"similarity": "l2", "rescore": "float32"} | arguments)


def assert_holds(collection, model):
    """Compare with a dict of ids to (seed of the embedding, text, metadata), in writing order."""
    assert len(collection) == collection.count() == len(model)
    assert list(collection) == list(model)
    documents = collection.get(list(model))
    assert documents == [(name, text, fields) for name, (_, text, fields) in model.items()]
    # Rescored by all vectors, every document finds itself.
    rows = embeddings([seed for seed, *_ in model.values()])
    for query, (seed, _, _) in zip(rows, model.values(), strict=True):
        (hits,) = collection.search(query, k=len(model), oversample=1000)
        assert len(hits) == len(model)
        assert hits[0].score > -1e-6
        # Ties go to the document that was written first.
        assert hits[0].id == next(name for name, (other, _, _) in model.items() if other == seed)
        assert {hit.id for hit in hits} == set(model)


def metadata_matches(metadata, where):
    """Tell whether a filter allows metadata: slow and obvious, what collections promise."""
    return all(_item_holds(metadata, name, operand) for name, operand in where.items())


_MISSING = object()


def _item_holds(fields, name, operand):
    if name == "$and":
        return all(metadata_matches(fields, each) for each in operand)
    if name == "$or":
        return any(metadata_matches(fields, each) for each in operand)
    if name == "$not":
        return not metadata_matches(fields, operand)
    value = fields.get(name, _MISSING)
    if not isinstance(operand, dict):
        return _operator_holds("$in" if isinstance(operand, list) else "$eq", value, operand)
    if any(key.startswith("$") for key in operand):
        return all(_operator_holds(key, value, argument) for key, argument in operand.items())
    return metadata_matches(value if isinstance(value, dict) else {}, operand)


def _operator_holds(operator, value, operand):
    if operator == "$exists":
        return (value is not _MISSING) == operand
    if operator == "$ne":
        return not _equal(value, operand)
    if operator == "$in":
        return any(_equal(value, each) for each in operand)
    if operator == "$nin":
        return not any(_equal(value, each) for each in operand)
    if operator == "$not":
        return not all(_operator_holds(key, value, argument) for key, argument in operand.items())
    if operator == "$eq":
        return _equal(value, operand)
    if not any(isinstance(value, t) and isinstance(operand, t) for t in (str, (int, float))):
        return False
    return {
        "$gt": lambda: value > operand,
        "$gte": lambda: value >= operand,
        "$lt": lambda: value < operand,
        "$lte": lambda: value <= operand,
    }[operator]()


def _equal(value, operand):
    return not isinstance(value, list | dict) and value is not _MISSING and value == operand
