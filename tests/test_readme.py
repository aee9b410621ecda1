"""The example in README.md runs, and prints what stands there."""

import contextlib
import io
import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
EXAMPLE = re.compile(r"<!-- example: begin.*?```python\n(.*?)```\n```text\n(.*?)```", re.DOTALL)


def test_example(tmp_path, monkeypatch):
    code, printed = EXAMPLE.search(README.read_text()).groups()
    assert len(code.splitlines()) <= 15
    monkeypatch.chdir(tmp_path)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, "README.md", "exec"), {})  # our own file
    assert output.getvalue() == printed
