"""Every example of the documentation runs, and every public name says what it takes and gives."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import bitindex as bi

pytestmark = pytest.mark.once

MODULES = [
    "bitindex",
    *(module.name for module in pkgutil.walk_packages(bi.__path__, "bitindex.")),
]
PUBLIC_MODULES = ["bitindex", "bitindex.evaluate", "bitindex.datasets", "bitindex.tuning"]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
SECTIONS = [  # in the order of numpydoc
    *("Parameters", "Returns", "Yields", "Attributes", "Raises", "Warns"),
    *("See Also", "Notes", "References", "Examples"),
]
# Called by an index, with arrays that it has checked.
UNCHECKED = {"bitindex.Binarizer.query_weights"}


def examples(module):
    finder = doctest.DocTestFinder(exclude_empty=False)
    tests = finder.find(module)
    names = {test.name for test in tests}
    for name, value in vars(module).items():  # of compiled functions, which doctest passes over
        full_name = f"{module.__name__}.{name}"
        if getattr(value, "__module__", None) == module.__name__ and full_name not in names:
            tests += finder.find(value, full_name, module=False)
    return [test for test in tests if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    report = []
    for test in examples(importlib.import_module(name)):
        runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


def test_examples_are_found():
    found = [test.name for name in MODULES for test in examples(importlib.import_module(name))]
    assert {
        "bitindex._bitops.pack",
        "bitindex.index.flat.FlatIndex",
        "bitindex.embedding_index.EmbeddingIndex",
        "bitindex.evaluate.exact.exact_search",
    } <= {*found}
    assert len(found) == len({*found})


def public_names():
    """What users reach: functions, classes, and the methods and properties of these."""
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isroutine(value) or inspect.isclass(value):
                yield f"{module_name}.{name}", value
            if inspect.isclass(value):
                yield from public_members(f"{module_name}.{name}", value)


def public_members(class_name, value):
    for name in dir(value):
        written_here = any(
            name in vars(base) and base.__module__.startswith("bitindex") for base in value.__mro__
        )
        member = inspect.getattr_static(value, name)
        member = getattr(member, "__func__", member)
        is_documented = inspect.isroutine(member) or isinstance(member, property)
        if written_here and is_documented and not name.startswith("_"):
            yield f"{class_name}.{name}", member


PUBLIC = dict(public_names())
FUNCTIONS = {name: value for name, value in PUBLIC.items() if inspect.isroutine(value)}


def docstring(value):
    lines = (inspect.getdoc(value) or "").splitlines()
    name = getattr(value, "__name__", None)
    if lines and name and lines[0].startswith(f"{name}("):  # the signature that Cython puts first
        lines = lines[1:] if lines[1] else lines[2:]
    return lines


def sections(value):
    """Return the lines of each section by its title."""
    lines = docstring(value)
    starts = [i for i in range(1, len(lines)) if lines[i] and set(lines[i]) == {"-"}]
    ends = [start - 1 for start in starts[1:]] + [len(lines)]
    return {
        lines[start - 1]: lines[start + 1 : end] for start, end in zip(starts, ends, strict=False)
    }


def described(lines):
    """Return the names in a section: what comes before the colon where a line is not indented."""
    heads = [line.partition(" : ")[0] for line in lines if line and not line.startswith(" ")]
    return [name.strip(" *") for head in heads for name in head.split(",")]


@pytest.mark.parametrize("name", PUBLIC)
def test_there_is_a_summary(name):
    lines = docstring(PUBLIC[name])
    assert lines, "no docstring"
    summary = lines[: lines.index("")] if "" in lines else lines
    assert len(summary) == 1, summary
    assert summary[0].endswith("."), summary


@pytest.mark.parametrize("name", PUBLIC)
def test_sections_are_those_of_numpydoc(name):
    titles = [*sections(PUBLIC[name])]
    assert {*titles} <= {*SECTIONS}
    assert titles == sorted(titles, key=SECTIONS.index)
    lines = docstring(PUBLIC[name])
    assert all(lines[lines.index(title) + 1] == "-" * len(title) for title in titles)


@pytest.mark.parametrize("name", PUBLIC)
def test_all_parameters_are_described(name):
    body = sections(PUBLIC[name])
    if "Parameters" in body:
        names = [
            name
            for name in inspect.signature(PUBLIC[name]).parameters
            if name not in ("self", "cls")
        ]
        assert sorted(described(body["Parameters"])) == sorted(names)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_long_lists_of_parameters_have_a_section(name):
    body = sections(FUNCTIONS[name])
    names = [
        name
        for name in inspect.signature(FUNCTIONS[name]).parameters
        if name not in ("self", "cls")
    ]
    # A sentence may describe what one function alone takes, or say that it is like another.
    assert "Parameters" in body or len(names) <= 2, names


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_are_described(name):
    body = sections(FUNCTIONS[name])
    returns = getattr(FUNCTIONS[name], "__annotations__", {}).get("return")
    if "Parameters" in body and returns not in (None, "None"):
        assert "Returns" in body or "Yields" in body


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - UNCHECKED))
def test_errors_of_the_border_are_described(name):
    body = sections(FUNCTIONS[name])
    if "Parameters" in body:
        assert "Raises" in body
