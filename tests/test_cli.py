"""The ``bitindex`` command: what it prints, and how it refuses."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import bitindex as bi
from bitindex import cli
from bitindex.cli import demo, demo_methods, main
from bitindex.datasets import load_scifact
from bitindex.storage import read_file, write_file

pytestmark = pytest.mark.once

METHODS = ("float exact (NumPy)", "sign binary", "sign, float query", "sign + int8 rescoring")


@pytest.fixture(scope="module")
def one_turn() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(demo_methods, "N_TURNS", 1)
        yield


@pytest.fixture(scope="module")
def demo_lines(one_turn: None) -> list[str]:
    with contextlib.redirect_stdout(io.StringIO()) as stream, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        assert main(["demo", "--threads", "2"]) == 0
    return stream.getvalue().splitlines()


@pytest.fixture
def index_file(tmp_path: Path) -> Path:
    X = np.random.default_rng(0).standard_normal((50, 32), dtype=np.float32)
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(X), rescore="int8")
    index.add(X)
    index.save(tmp_path / "index.bitx")
    return tmp_path / "index.bitx"


def table_row(lines: list[str], method: str) -> dict[str, str]:
    (header,) = [line for line in lines if line.startswith("method ")]
    (row,) = [line for line in lines if line.startswith(f"{method} ")]
    return dict(zip(*(re.split(r"  +", line) for line in (header, row)), strict=True))


def run_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bitindex", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    )


@pytest.mark.parametrize(
    ("method", "n_bytes", "ndcg", "recall"),
    [
        (METHODS[0], "1,536", 0.6451, 0.999),
        (METHODS[1], "48", 0.5876, 0.568),
        (METHODS[2], "48", 0.6180, 0.690),
        (METHODS[3], "436", 0.6460, 0.954),
    ],
)
def test_demo_prints_the_known_figures(
    demo_lines: list[str], method: str, n_bytes: str, ndcg: float, recall: float
) -> None:
    row = table_row(demo_lines, method)
    assert row["bytes"] == n_bytes
    assert float(row["nDCG@10"]) == pytest.approx(ndcg, abs=0.002)
    assert float(row["recall@10"]) == pytest.approx(recall, abs=0.005)
    assert re.fullmatch(r"[\d,.]+ \([\d,.]+-[\d,.]+\)", row["queries a second"])
    assert re.fullmatch(r"[\d.]+x \([\d.]+-[\d.]+\)", row["times NumPy"])


def test_demo_answers_real_queries(demo_lines: list[str]) -> None:
    dataset = load_scifact()
    for query_id in demo._EXAMPLE_QUERIES:
        start = demo_lines.index(dataset.queries[dataset.query_ids.index(query_id)])
        answer = []
        for line in demo_lines[start + 1 :]:
            if not line:
                break
            answer.append(line)
        ranks = [int(line.split()[0]) for line in answer if re.match(r" +\d+  \d\.\d{3} ", line)]
        assert ranks == [1, 2, 3, 4, 5]
        assert any(re.match(r" +\d+  \d\.\d{3} \* ", line) for line in answer)


def test_demo_fits_a_terminal_of_100_columns(demo_lines: list[str]) -> None:
    assert max(map(len, demo_lines)) <= 100
    assert "\x1b" not in "".join(demo_lines)


def fake_sentence_transformers(
    monkeypatch: pytest.MonkeyPatch, embedding: np.ndarray | None
) -> list[str]:
    """Install a module whose models give one embedding, or cannot be loaded; return their names."""
    names = []

    class SentenceTransformer:
        def __init__(self, name: str) -> None:
            names.append(name)
            if embedding is None:
                raise OSError(f"{name} is not a local folder\nand not a model")

        def encode(self, texts: list[str], normalize_embeddings: bool) -> np.ndarray:
            assert normalize_embeddings
            return np.tile(embedding, (len(texts), 1))

    module = ModuleType("sentence_transformers")
    module.SentenceTransformer = SentenceTransformer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    return names


def test_demo_answers_the_users_query(
    one_turn: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    dataset = load_scifact()
    row = dataset.query_ids.index("179")
    names = fake_sentence_transformers(monkeypatch, dataset.query_embeddings[row])
    assert main(["demo", "--query", "weight at birth", "--model", "my/model"]) == 0
    lines = capsys.readouterr().out.splitlines()
    answer = lines[lines.index("weight at birth") + 1 :]
    assert names == ["my/model"]
    assert answer[0].endswith("Role of birthweight in the etiology of breast cancer.")
    assert sum(bool(re.match(r" +\d+  ", line)) for line in answer) == 10
    assert not any("*" in line for line in answer)


def test_demo_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    assert main(["demo", "--query", "a question"]) == 1
    error = capsys.readouterr().err
    assert 'pip install "bitindex[text]"' in error
    assert error.count("\n") == 1


def test_demo_names_a_model_that_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_sentence_transformers(monkeypatch, None)
    assert main(["demo", "--query", "a question", "--model", "no/model"]) == 1
    assert capsys.readouterr().err == (
        "bitindex demo: error: the model no/model cannot be loaded: "
        "no/model is not a local folder and not a model\n"
    )


def test_demo_refuses_a_model_of_other_dimensions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_sentence_transformers(monkeypatch, np.ones(768, np.float32))
    assert main(["demo", "--query", "a question"]) == 1
    error = capsys.readouterr().err
    assert "must give 384 dimensions" in error
    assert "got 768" in error


def test_info_prints_versions_and_instruction_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    fields = dict(re.split(r"  +", line.strip()) for line in capsys.readouterr().out.splitlines())
    assert fields["bitindex"] == bi.__version__
    assert fields["NumPy"] == np.__version__
    assert fields["chosen"] in fields["supported by this CPU"].split(", ")
    assert "generic" in fields["instruction sets compiled"].split(", ")


def test_info_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["isa"]["chosen"] in facts["isa"]["supported"]
    assert set(facts["isa"]["supported"]) <= set(facts["isa"]["compiled"])
    assert facts["threads"] == bi.get_num_threads()
    assert re.match(r"(GCC|Clang|MSVC) \d+\.\d+", facts["compiler"])


def test_info_reports_an_unknown_instruction_set() -> None:
    process = run_process("info", BITINDEX_ISA="mmx")
    assert process.returncode == 1
    assert process.stderr.startswith("bitindex info: error: BITINDEX_ISA=mmx is unknown; choose")
    assert process.stderr.count("\n") == 1
    assert process.stdout == ""


def test_verify_prints_what_a_file_holds(
    index_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(index_file)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{index_file}: intact\n")
    lines = [line.split() for line in out.splitlines()]
    assert ["class", "EmbeddingIndex"] in lines
    assert ["rows", "50"] in lines
    assert ["rows/codes", "uint8", "50", "x", "4", "200"] in lines
    assert ["rows/vectors", "uint8", "50", "x", "36", "1,800"] in lines


def test_verify_reports_damage(index_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = bytearray(index_file.read_bytes())
    content[-1] ^= 1
    index_file.write_bytes(content)
    assert main(["verify", str(index_file)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"bitindex verify: error: {index_file}: section ")
    assert "is damaged" in captured.err


def test_verify_checks_a_collection(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "documents"
    X = np.random.default_rng(0).standard_normal((20, 32), dtype=np.float32)
    with bi.Collection.create(path, bi.SignBinarizer().fit(X)) as collection:
        collection.add(range(20), X)
    assert main(["verify", str(path)]) == 0
    intact, _, *fields = capsys.readouterr().out.splitlines()
    assert intact == f"{path}: intact"
    assert [line.split()[0] for line in fields] == ["class", "documents", "bytes"]
    assert fields[1].split()[1] == "20"
    image = path / "index.bitx"
    image.write_bytes(image.read_bytes()[:-1])
    assert main(["verify", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"bitindex verify: error: {path}: the image of the index is damaged, ")
    assert error.count("\n") == 1


def test_verify_reports_arrays_that_contradict_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.bitx"
    index = bi.FlatIndex(8, "jaccard")
    index.add([[1], [3]])
    index.save(path)
    stored = read_file(path)
    stored.sections["row_terms"][1] = 5
    write_file(path, stored.kind, stored.meta, stored.sections)
    assert main(["verify", str(path)]) == 1
    assert "section 'row_terms' must follow from the codes" in capsys.readouterr().err


def test_verify_reports_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.bitx"
    assert main(["verify", str(path)]) == 1
    assert capsys.readouterr().err == f"bitindex verify: error: {path}: No such file or directory\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["search"],
        ["verify"],
        ["demo", "--threads", "0"],
        ["demo", "--threads", "two"],
        ["demo", "--query", " "],
    ],
)
def test_wrong_arguments_end_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("usage: bitindex")


@pytest.mark.parametrize("command", [None, *cli.COMMANDS])
def test_help(command: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"] if command is None else [command, "--help"]) == 0
    assert "example" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"bitindex {bi.__version__}\n"


def test_interrupt_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "info", replace(cli.COMMANDS["info"], run=interrupted))
    assert main(["info"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_fault_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(arguments: object) -> None:
        raise IndexError("a fault of this package")

    monkeypatch.setitem(cli.COMMANDS, "info", replace(cli.COMMANDS["info"], run=faulty))
    with pytest.raises(IndexError):
        main(["info"])


@pytest.mark.skipif(os.name != "posix", reason="Windows has no broken pipes")
def test_a_reader_that_has_gone_is_quiet() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        process = subprocess.run(
            [sys.executable, "-m", "bitindex", "info"],
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert process.returncode == 141
    assert process.stderr == b""


def test_commands_run_as_processes(index_file: Path) -> None:
    assert json.loads(run_process("info", "--json").stdout)["bitindex"] == bi.__version__
    verified = run_process("verify", str(index_file))
    assert (verified.returncode, verified.stderr) == (0, "")
    shown = run_process("demo", "--threads", "1")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert all(method in shown.stdout for method in METHODS)
    assert "threads: 1," in shown.stdout
