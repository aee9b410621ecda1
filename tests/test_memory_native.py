"""tests/native/check_memory.cpp, built and run with the core that was built for Python."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = sorted(ROOT.glob(f"build/*-{sys.implementation.cache_tag}/libbitindex_core.a"))


@pytest.mark.once
@pytest.mark.skipif(sys.platform == "win32", reason="needs posix_memalign")
def test_every_kind_survives_that_memory_runs_out(tmp_path):
    if not CORE or shutil.which("g++") is None:
        pytest.skip("needs g++, and the core as `make` builds it")
    program = str(tmp_path / "check_memory")
    flags = ["-std=c++17", "-O1", "-Icsrc", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread"]
    for command in (
        ["g++", *flags, "tests/native/check_memory.cpp", str(CORE[0]), "-o", program],
        [program],
    ):
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("check_memory: ")
