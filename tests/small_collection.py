"""The collections that tests of collections begin with."""

from collection_model import embeddings, empty_index

import bitindex as bi

MODEL = {"a": (0, "A", {"x": 1}), 1: (1, None, {}), "1": (2, "", {})}
MANY = {i: (i, f"text {i}" * 20, {"number": i}) for i in range(30)}
X2 = embeddings([3, 4])


def new_path(tmp_path):
    """Fixture: where a collection may be made."""
    return tmp_path / "documents"


def three_documents(path):
    """Fixture: a collection that holds MODEL."""
    with bi.Collection.create(path, empty_index()) as made:
        made.add(["a", 1, "1"], embeddings([0, 1, 2]), ["A", None, ""], [{"x": 1}, None, {}])
        yield made


def columns(model):
    """Return documents as `Collection.add` takes them."""
    seeds, texts, metadata = zip(*model.values(), strict=True)
    return list(model), embeddings(seeds), texts, metadata


def many_documents(tmp_path):
    """Fixture: where a collection is that holds MANY, and is not open."""
    path = new_path(tmp_path)
    with bi.Collection.create(path, empty_index()) as collection:
        collection.add(*columns(MANY))
    return path
