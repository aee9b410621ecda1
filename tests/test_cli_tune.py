"""The picture of a tuning, and ``bitindex tune``."""

import json
import re
import sys

import numpy as np
import pytest

import bitindex as bi
from bitindex.cli import main
from bitindex.tuning.plot import check_plot, save_plot

pytestmark = pytest.mark.once

X = np.random.default_rng(0).standard_normal((300, 32), dtype=np.float32)


@pytest.fixture
def file(tmp_path):
    np.save(tmp_path / "X.npy", X)
    return str(tmp_path / "X.npy")


def test_the_command_prints_the_front_and_the_code(file, capsys):
    assert main(["tune", file, "--binarizer", "sign", "--target-recall", "0.8"]) == 0
    captured = capsys.readouterr()
    result = bi.tune(X, 0.8, binarizers=["sign"])
    assert captured.err == ""
    assert captured.out.endswith(f"\n\n{result.best!r}\n")
    tables = [re.sub(r" +\d+$", "", text, flags=re.M) for text in (captured.out, f"{result}\n")]
    assert tables[0] == tables[1]  # but for times, which end a line


def test_the_command_prints_json(file, tmp_path, capsys):
    np.save(tmp_path / "Q.npy", X[:20] + np.float32(0.1))
    options = ["--k", "3", "--similarity", "l2", "--budget-bytes", "50", "--n-sample", "200"]
    queries = ["--queries", str(tmp_path / "Q.npy")]
    assert main(["tune", file, "--binarizer", "sign", "--json", *options, *queries]) == 0
    printed = json.loads(capsys.readouterr().out)
    result = bi.tune(
        X,
        k=3,
        queries=X[:20] + np.float32(0.1),
        similarity="l2",
        budget_bytes=50,
        n_sample=200,
        binarizers=["sign"],
    )
    assert printed["best"]["recipe"] == {
        "binarizer": "sign",
        "parameters": result.best.parameters,
        "kind": "flat",
        "similarity": "l2",
        "rescore": result.best.rescore,
        "k": 3,
        "oversample": result.best.oversample,
        "effort": None,
    }
    assert printed["n_base"] == 200
    assert [trial["recall"] for trial in printed["table"]] == [t.recall for t in result.table]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--k", "0"], "k must be >= 1, got 0"),
        (["--target-recall", "95"], "target_recall must be above 0 and at most 1, got 95.0"),
        (["--budget-bytes", "3"], "budget_bytes must be at least 4"),
        (["--queries", "none.npy"], "none.npy: No such file or directory"),
    ],
)
def test_the_command_refuses(file, arguments, message, capsys):
    assert main(["tune", file, "--binarizer", "sign", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("bitindex tune: error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_the_command_refuses_integers(tmp_path, capsys):
    np.save(tmp_path / "X.npy", np.ones((30, 4), np.int8))
    assert main(["tune", str(tmp_path / "X.npy")]) == 1
    assert "X.npy: X must be floats, got int8" in capsys.readouterr().err


def test_the_command_says_what_a_plot_needs(file, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["tune", file, "--plot", "tuned.png"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert 'pip install "bitindex[docs]"' in captured.err
    assert captured.err.count("\n") == 1


def test_a_plot_shows_all_trials_and_the_best(tmp_path):
    pytest.importorskip("matplotlib")
    result = bi.tune(X, 0.8, binarizers=["sign"])
    save_plot(result, tmp_path / "tuned.svg")
    drawn = (tmp_path / "tuned.svg").read_text()
    assert drawn.count("<use ") >= len(result.table) + 1


def test_the_command_draws(file, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "tuned.png"
    assert main(["tune", file, "--binarizer", "sign", "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("tuned.doc", ValueError, "a plot must end in one of"),
        ("tuned", ValueError, "a plot must end in one of"),
        ("no/tuned.png", FileNotFoundError, "the folder of"),
    ],
)
def test_a_plot_that_cannot_be_written_is_refused_first(name, error, message, tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(error, match=message):
        check_plot(tmp_path / name)
