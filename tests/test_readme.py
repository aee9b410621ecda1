"""The example in README.md runs, and prints what stands there; those of the guide run."""

import contextlib
import io
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
EXAMPLE = re.compile(r"<!-- example: begin.*?```python\n(.*?)```\n```text\n(.*?)```", re.DOTALL)


def test_example(tmp_path, monkeypatch):
    code, printed = EXAMPLE.search(README.read_text()).groups()
    assert len(code.splitlines()) <= 15
    monkeypatch.chdir(tmp_path)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, "README.md", "exec"), {})  # our own file
    assert output.getvalue() == printed


def test_guide():
    names = {}
    for code in re.findall(r"```python\n(.*?)```", (ROOT / "docs/guide.md").read_text(), re.DOTALL):
        exec(compile(code, "guide.md", "exec"), names)
    assert names["recall"] > 0.9
    assert names["ndcg"] > 0.63
