"""Other people's Cython code can call the kernels with nothing but the installed package."""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import bitindex as bi

pytestmark = pytest.mark.once
pytest.importorskip("Cython")
pytest.importorskip("setuptools")

COMPILER = (sysconfig.get_config_var("CC") or "cl").split()[0]

THIRD_PARTY = """
# cython: language_level=3
from libc.stdint cimport uint8_t, uint32_t
from bitindex cimport _bitops
from bitindex._bitops cimport hamming_distance


def one_by_one(const uint8_t[::1] a, const uint8_t[::1] b):
    cdef uint32_t count, distance, intersection
    with nogil:
        count = _bitops.popcount_code(&a[0], a.shape[0])
        distance = hamming_distance(&a[0], &b[0], a.shape[0])
        intersection = _bitops.and_count(&a[0], &b[0], a.shape[0])
    return count, distance, intersection


def row_by_row(const uint8_t[::1] query, const uint8_t[:, ::1] rows, uint32_t[:, ::1] out):
    cdef size_t n_rows = rows.shape[0], n_bytes = rows.shape[1]
    with nogil:
        _bitops.popcount_rows(&rows[0, 0], n_rows, n_bytes, &out[0, 0])
        _bitops.hamming_distance_rows(&query[0], &rows[0, 0], n_rows, n_bytes, &out[1, 0])
        _bitops.and_count_rows(&query[0], &rows[0, 0], n_rows, n_bytes, &out[2, 0])
"""

# The only path given is that of the package: no headers and no libraries of bitindex.
SETUP = """
import sys
from Cython.Build import cythonize
from setuptools import setup

setup(
    name="third_party",
    ext_modules=cythonize("third_party.pyx", include_path=[sys.argv.pop()]),
    script_args=["build_ext", "--inplace"],
)
"""

CHILD = """
import numpy as np
import third_party
codes = np.arange(96, dtype=np.uint8).reshape(3, 32)
print(*third_party.one_by_one(codes[0], codes[1]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    if shutil.which(COMPILER) is None:
        pytest.skip(f"no compiler: {COMPILER} is not on the path")
    folder = tmp_path_factory.mktemp("third_party")
    (folder / "third_party.pyx").write_text(THIRD_PARTY)
    (folder / "setup.py").write_text(SETUP)
    package_parent = Path(bi.__file__).parent.parent
    build = subprocess.run(
        [sys.executable, "setup.py", str(package_parent)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    return folder


@pytest.fixture(scope="module")
def third_party(folder):
    path = next(folder.glob("third_party*" + sysconfig.get_config_var("EXT_SUFFIX")))
    spec = importlib.util.spec_from_file_location("third_party", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("n_bytes", [1, 7, 8, 32, 33, 200])
def test_cimported_functions_agree_with_the_python_functions(third_party, n_bytes):
    rows = np.random.default_rng(0).integers(0, 256, (19, n_bytes), dtype=np.uint8)
    query = rows[3].copy()
    expected = np.array(
        [
            bi.popcount(rows),
            bi.hamming(query, rows)[0],
            bi.popcount(rows & query),
        ]
    )
    counts = np.empty((3, len(rows)), np.uint32)
    third_party.row_by_row(query, rows, counts)
    np.testing.assert_array_equal(counts, expected)
    for i, row in enumerate(rows):
        assert third_party.one_by_one(row, query) == tuple(expected[:, i])


@pytest.mark.parametrize("isa", ["generic", "sse9"])
def test_a_wrong_instruction_set_leaves_the_generic_kernels(folder, isa):
    package_parent = str(Path(bi.__file__).parent.parent)
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        cwd=folder,
        env={**os.environ, "BITINDEX_ISA": isa, "PYTHONPATH": package_parent},
        capture_output=True,
        text=True,
        timeout=60,
    )
    codes = np.arange(96, dtype=np.uint8).reshape(3, 32)
    expected = [
        bi.popcount(codes)[0],
        bi.hamming(codes[0], codes[1])[0, 0],
        bi.popcount(codes[0] & codes[1])[0],
    ]
    assert child.returncode == 0, child.stderr
    assert [int(count) for count in child.stdout.split()] == expected
