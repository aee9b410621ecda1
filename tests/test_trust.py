"""bench/trust.py on a few cases of each part: no promise about files is broken."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("parts", [["damage"], ["failing calls", "kills"], ["collection calls"]])
def test_no_promise_is_broken(parts):
    command = [sys.executable, "bench/trust.py", "--quick", "--only", *parts]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
