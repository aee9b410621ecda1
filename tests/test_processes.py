"""Subinterpreters, the choice of instructions, runs without assertions, what an import brings."""

import pytest

SUBINTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

def refused():
    interpreter = interpreters.create()
    try:
        # From Python 3.13 on errors are returned.
        problem = interpreters.run_string(interpreter, "import bitindex")
    except Exception as error:
        problem = error
    print("works in the main interpreter only" in str(problem))
"""


@pytest.mark.parametrize("first", ["", "import bitindex\n"])
def test_a_subinterpreter_is_refused(run_python, first):
    # Importing it there first must not keep the main interpreter from it either.
    output = run_python(
        first
        + SUBINTERPRETER
        + """
refused()
refused()
import bitindex as bi
index = bi.FlatIndex(8)
index.add([[1]])
print(index.search([1], 1)[1].item())
"""
    )
    assert output == "True\nTrue\n0\n"


def test_unknown_instruction_set(run_python):
    output = run_python(
        """
import bitindex as bi
print("imported")
for _ in range(2):
    try:
        bi.FlatIndex(8)
    except ValueError as error:
        print(error)
""",
        BITINDEX_ISA="sse9",
    )
    first, *errors = output.splitlines()
    assert first == "imported"
    assert len(errors) == 2
    for error in errors:
        assert error.startswith("BITINDEX_ISA=sse9 is unknown; choose one of: ")
        assert error.endswith("generic")


def test_chosen_instruction_set(run_python):
    program = "import bitindex as bi; print(bi.FlatIndex(8)._core.isa)"
    assert run_python(program, BITINDEX_ISA="generic") == "generic\n"
    assert run_python(program, BITINDEX_ISA="") != ""


def test_refusals_do_not_depend_on_assertions(run_python):
    program = """
import numpy as np
import bitindex as bi
index = bi.FlatIndex(13)
index.add([[1, 8]])
wrong = np.zeros((5, 16), np.uint8)
nothing = np.zeros((1, 2), np.uint8)
for call in (
    lambda: index.search(wrong),
    lambda: index.add(wrong),
    lambda: index.add([[1, 1]]),
    lambda: index.add(nothing, [0]),
    lambda: index.add(nothing, [-1]),
    lambda: index.add(nothing.astype(float)),
    lambda: index.update([5], nothing),
    lambda: index.get([10**9]),
    lambda: index.range_search(nothing, float("nan")),
    lambda: index.search(nothing, -1),
    lambda: index._core.search(wrong, 1, None, 1),
    lambda: index._core.get(wrong),
    lambda: index._core.restore(5, None, 0, [wrong, None, None, None, None]),
    lambda: bi.FlatIndex(0),
):
    try:
        call()
        print("accepted")
    except Exception as error:
        print(type(error).__name__, str(error).splitlines()[0])
print(len(index), __debug__)
"""
    plain, optimized = run_python(program), run_python(program, "-O")
    assert "accepted" not in plain
    assert plain.replace("1 True\n", "1 False\n") == optimized
    assert "queries must have 2 bytes per row (n_bits=13), got shape (5, 16)" in optimized


def test_import_is_light(run_python):
    output = run_python("import sys, bitindex; print(*sys.modules, sep='\\n')")
    modules = {name.partition(".")[0] for name in output.splitlines()}
    assert not modules & {"torch", "scipy", "sklearn", "faiss", "tqdm", "xxhash", "pandas"}
