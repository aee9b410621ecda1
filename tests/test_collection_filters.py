"""Filters over metadata: against plain Python, and what they refuse."""

import contextlib
import sqlite3
import string

import pytest
from collection_model import embeddings, empty_index, metadata_matches
from hypothesis import given
from hypothesis import strategies as st

import bitindex as bi
from bitindex.collection.metadata import metadata_fields, metadata_text
from bitindex.collection.where import condition_of

pytestmark = pytest.mark.once

# Few names and values, so that filters meet; and what could break out of quotes and paths.
NAMES = st.sampled_from(
    ["a", "b", "a.b", "", "it's", 'say "hi"', "back\\slash", "50%", "$.a", "ä[0]"]
)
NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 2, 1.0, 0.5, -0.0, 1e16, 10**16, 2**63 - 1, -(2**63), 2.0**63]),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
TEXTS = st.one_of(
    st.sampled_from(
        ["", "a", "b", "[1]", "{}", "null", "true", "1", "it's", "é", "\U0001f600", "\n"]
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
METADATA = st.dictionaries(NAMES, VALUES, max_size=4)
ORDERED = st.one_of(st.booleans(), NUMBERS, TEXTS)
OPERATIONS = st.deferred(
    lambda: (
        st.dictionaries(st.just("$exists"), st.booleans(), min_size=1)
        | st.dictionaries(st.sampled_from(["$eq", "$ne"]), SCALARS, min_size=1)
        | st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), ORDERED, min_size=1)
        | st.dictionaries(
            st.sampled_from(["$in", "$nin"]), st.lists(SCALARS, max_size=4), min_size=1
        )
        | st.dictionaries(st.just("$not"), OPERATIONS, min_size=1)
    )
)


FIELDS = NAMES.filter(lambda name: not name.startswith("$"))
FIELD_FILTERS = st.deferred(
    lambda: st.dictionaries(
        FIELDS,
        SCALARS | st.lists(SCALARS, max_size=4) | OPERATIONS | FIELD_FILTERS,
        min_size=1,
        max_size=2,
    )
)
FILTERS = st.recursive(
    st.just({}) | FIELD_FILTERS,
    lambda filters: (
        st.dictionaries(st.sampled_from(["$and", "$or"]), st.lists(filters, max_size=3), min_size=1)
        | st.dictionaries(st.just("$not"), filters, min_size=1)
    ),
    max_leaves=4,
)


@given(st.lists(METADATA, min_size=1, max_size=5), st.lists(FILTERS, min_size=1, max_size=10))
def test_conditions_agree_with_plain_python(metadata, filters):
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE documents (row INTEGER PRIMARY KEY, metadata TEXT)")
        rows = [(row, metadata_text(fields)) for row, fields in enumerate(metadata)]
        database.executemany("INSERT INTO documents VALUES (?, ?)", rows)
        assert [metadata_fields(text) for _, text in rows] == metadata
        for where in filters:
            condition = condition_of(where)
            found = database.execute(
                f"SELECT row FROM documents WHERE {condition.sql} ORDER BY row",
                condition.parameters,
            )
            expected = [
                row for row, fields in enumerate(metadata) if metadata_matches(fields, where)
            ]
            assert [row for (row,) in found] == expected, where


@pytest.fixture(scope="module")
def articles(tmp_path_factory):
    with bi.Collection.create(tmp_path_factory.mktemp("articles") / "c", empty_index()) as made:
        made.add(
            range(6),
            embeddings(range(6)),
            metadata=[
                {"year": 1989, "source": "AP", "author": {"name": "Rao"}},
                {"year": 1990, "source": "UPI", "author": {"name": "Li", "age": 40}},
                {"year": 2001.5, "source": "DPA"},
                {"year": "1990", "draft": True},
                {"year": None, "tags": ["AP"]},
                None,
            ],
        )
        yield made


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"year": 1990}, [1]),
        ({"year": "1990"}, [3]),
        ({"year": None}, [4]),
        ({"year": {"$gte": 1990}}, [1, 2]),
        ({"year": {"$gte": 1980, "$lt": 1990}}, [0]),
        ({"year": {"$gt": "0"}}, [3]),
        ({"year": {"$ne": 1990}}, [0, 2, 3, 4, 5]),
        ({"year": {"$exists": False}}, [5]),
        ({"source": ["AP", "UPI"]}, [0, 1]),
        ({"source": []}, []),
        ({"source": {"$nin": ["AP", "UPI"]}}, [2, 3, 4, 5]),
        ({"year": {"$gte": 1990}, "source": ["AP", "UPI"]}, [1]),
        ({"author": {"name": "Rao"}}, [0]),
        ({"author": {"age": {"$gt": 1}}}, [1]),
        ({"author": "Rao"}, []),
        ({"tags": '["AP"]'}, []),
        ({"draft": 1}, [3]),
        ({"$or": [{"year": 1989}, {"draft": True}]}, [0, 3]),
        ({"$or": []}, []),
        ({"$and": []}, [0, 1, 2, 3, 4, 5]),
        ({"$not": {"year": {"$lt": 1995}}}, [2, 3, 4, 5]),
        ({"year": {"$not": {"$lt": 1995}}}, [2, 3, 4, 5]),
    ],
)
@pytest.mark.parametrize("indexed", [False, True])
def test_filters(articles, where, expected, indexed):
    if indexed:
        articles.create_field_index("year")
        articles.create_field_index("year")
        articles.create_field_index("author", "name")
    (hits,) = articles.search(embeddings([0]), k=10, where=where)
    assert sorted(hit.id for hit in hits) == expected
    assert articles.count(where) == len(expected)


def test_a_filter_is_kept_and_follows_changes(articles):
    query, where = embeddings([0]), {"year": {"$gte": 1990}}

    def found():
        return sorted(hit.id for hit in articles.search(query, k=10, where=where)[0])

    assert found() == [1, 2]
    articles.add(["new", "old"], embeddings([7, 8]), metadata=[{"year": 2000}, {"year": 1900}])
    assert sorted(map(str, (hit.id for hit in articles.search(query, 10, where)[0]))) == [
        "1",
        "2",
        "new",
    ]
    articles.upsert([1], embeddings([1]), metadata=[{"year": 1900}])
    articles.delete(["new", "old"])
    assert found() == [2]
    articles.upsert([1], embeddings([1]), metadata=[{"year": 1990, "source": "UPI"}])
    for year in range(20):  # more filters than are kept
        articles.search(query, k=1, where={"year": year})
    assert found() == [1, 2]


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        ([], TypeError, "a filter must be a dict, got list"),
        ("year", TypeError, "a filter must be a dict, got str"),
        ({1: 2}, TypeError, "names of fields must be str, got int"),
        ({"$nor": []}, ValueError, r"unknown operator '\$nor'; known here are \$and, \$or, \$not"),
        ({"year": {"$near": 1}}, ValueError, r"unknown operator '\$near'; .* \$eq, \$ne, \$gt, "),
        ({"year": {"$gt": 1, "x": 1}}, ValueError, "'year' must have operators or fields behind"),
        ({"year": {}}, ValueError, "'year' must have operators or fields behind it"),
        ({"year": {"$gt": None}}, TypeError, "'year' must be compared with a str or a number"),
        ({"year": {"$gt": [1]}}, TypeError, "a value to compare with must be a str, a finite"),
        ({"year": {"$eq": [1]}}, TypeError, "a value to compare with must be a str, a finite"),
        ({"year": float("nan")}, ValueError, "a value to compare with must be a str, a finite"),
        ({"year": [float("inf")]}, ValueError, "a value in a list must be a str, a finite"),
        ({"year": 2**63}, ValueError, "a value to compare with must be an integer of 64 bits"),
        ({"year": b"x"}, TypeError, "must be a str, a finite number, a bool or None, got b'x'"),
        ({"year": "\0"}, ValueError, r"must not contain the character U\+0000"),
        ({"year": "\ud800"}, ValueError, "must be valid Unicode"),
        ({"\ud800": 1}, ValueError, "the name of a field must be valid Unicode"),
        ({"year": {"$in": "ab"}}, TypeError, r"\$in must have a list behind it, got str"),
        ({"year": {"$exists": 1}}, TypeError, r"\$exists must be True or False, got 1"),
        ({"year": {"$not": 1}}, TypeError, r"\$not must have a dict behind it, got int"),
        ({"$or": {"a": 1}}, TypeError, r"\$or must have a list behind it, got dict"),
        ({"$and": [1]}, TypeError, "a filter must be a dict, got int"),
        ({"$not": [1]}, TypeError, "a filter must be a dict, got list"),
        ({f"f{i}": i for i in range(501)}, ValueError, "must have at most 500 conditions"),
    ],
)
def test_wrong_filters_are_refused(articles, where, error, message):
    for ask in (articles.count, lambda where: articles.search(embeddings([0]), where=where)):
        with pytest.raises(error, match=message):
            ask(where)


def test_the_largest_filters_work(articles):
    assert articles.count({f"f{i}": {"$ne": i + 0.5} for i in range(250)}) == 6
    assert articles.count({"year": list(range(100_000))}) == 2
    deep = {"year": 1990}
    for _ in range(19):
        deep = {"$not": deep}
    assert articles.count(deep) == 5
    with pytest.raises(ValueError, match="a filter must have at most 20 levels"):
        articles.count({"$not": {"$not": deep}})


@pytest.mark.parametrize("field", [(), (1,), ("a", None)])
def test_field_indexes_need_names(articles, field):
    with pytest.raises(TypeError, match="a field must be one or more str"):
        articles.create_field_index(*field)


def test_names_cannot_break_out_of_the_statement(articles):
    for name in (string.punctuation, "x') OR 1=1 --", '"; DROP TABLE documents; --', "a\nb"):
        assert articles.count({name: 1}) == 0
        articles.create_field_index(name)
    assert articles.check() == []
