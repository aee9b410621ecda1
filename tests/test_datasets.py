import shutil
import zipfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from bitindex.datasets import _load, load_scifact

pytestmark = pytest.mark.once

FOLDER = Path(str(files("bitindex") / "data" / "scifact"))
MEGABYTE = 1_000_000


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(FOLDER, tmp_path / "scifact"))


def test_rows_belong_together():
    data = load_scifact()
    assert len(data.doc_ids) == len(data.titles) == len(data.texts) == 5183
    assert len(data.query_ids) == len(data.queries) == len(set(data.query_ids)) == 300
    assert data.doc_embeddings.shape == (5183, 384)
    assert data.query_embeddings.shape == (300, 384)
    assert data.doc_embeddings.dtype == data.query_embeddings.dtype == np.float16


def test_judgements_name_queries_in_order_and_known_documents():
    data = load_scifact()
    assert tuple(data.qrels) == data.query_ids
    judged = [doc_id for judgements in data.qrels.values() for doc_id in judgements]
    assert len(judged) == 339
    assert set(judged) <= set(data.doc_ids)
    assert all(set(judgements.values()) == {1} for judgements in data.qrels.values())


def test_first_rows_are_those_of_the_source():
    data = load_scifact()
    assert data.doc_ids[0] == "4983"
    assert data.titles[0].startswith("Microstructural development of human newborn")
    assert data.texts[0].startswith("Alterations of the architecture of cerebral white matter")
    assert (data.query_ids[0], data.qrels["1"]) == ("1", {"31715818": 1})
    assert data.queries[0] == "0-dimensional biomaterials show inductive properties."


def test_embeddings_are_normalised():
    data = load_scifact()
    for embeddings in (data.doc_embeddings, data.query_embeddings):
        norms = np.linalg.norm(embeddings.astype(np.float32), axis=1)
        np.testing.assert_allclose(norms, 1, atol=1e-3)


def test_is_frozen_and_says_what_it_is():
    data = load_scifact()
    with pytest.raises(AttributeError):
        data.doc_ids = ()
    assert repr(data) == (
        "RetrievalDataset(n_docs=5183, n_queries=300, n_judgements=339, dimension=384)"
    )


def test_each_call_gives_new_objects():
    changed = load_scifact()
    changed.doc_embeddings[:] = 0
    changed.qrels.clear()
    assert load_scifact().doc_embeddings.any()
    assert load_scifact().qrels


def test_loads_from_a_zip_archive(tmp_path):
    archive = tmp_path / "wheel.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in FOLDER.iterdir():
            wheel.write(file, f"bitindex/data/scifact/{file.name}")
    assert archive.stat().st_size < 7 * MEGABYTE
    data = _load(zipfile.Path(archive, "bitindex/data/scifact/"))
    np.testing.assert_array_equal(data.doc_embeddings, load_scifact().doc_embeddings)


def test_the_bundle_stays_small_open_and_reproducible():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 8 * MEGABYTE
    assert {file.name.partition(".")[2] for file in FOLDER.iterdir()} == {
        "jsonl.gz",
        "md",
        "npy",
        "tsv",
    }
    flags_and_time = (FOLDER / "corpus.jsonl.gz").read_bytes()[3:8]
    assert flags_and_time == bytes(5)


def test_a_missing_file_is_refused(copy):
    (copy / "qrels.tsv").unlink()
    with pytest.raises(FileNotFoundError, match=r"qrels\.tsv"):
        _load(copy)


def test_a_truncated_archive_is_refused(copy):
    content = (copy / "corpus.jsonl.gz").read_bytes()
    (copy / "corpus.jsonl.gz").write_bytes(content[:-1000])
    with pytest.raises(OSError, match=r"corpus\.jsonl\.gz is damaged"):
        _load(copy)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "must hold 339 judgements, got 338"),
        ("1\t31715818\n", r"must have 3 columns, got 2 in line 340"),
        ("1\t99\t1\n", "must name queries and documents of the dataset, got query '1' and"),
    ],
)
def test_wrong_judgements_are_refused(copy, line, message):
    lines = (copy / "qrels.tsv").read_text().splitlines(keepends=True)
    (copy / "qrels.tsv").write_text("".join(lines[:-1]) + line)
    with pytest.raises(ValueError, match=message):
        _load(copy)


def test_missing_queries_are_refused(copy):
    lines = (copy / "queries.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    (copy / "queries.tsv").write_text("".join(lines[1:]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"queries\.tsv must hold 300 queries, got 299"):
        _load(copy)


@pytest.mark.parametrize("wrong", [np.zeros((300, 384), np.float32), np.zeros((2, 384), "f2")])
def test_wrong_embeddings_are_refused(copy, wrong):
    np.save(copy / "query_embeddings.npy", wrong)
    with pytest.raises(ValueError, match=r"query_embeddings\.npy must be float16 of shape \(300"):
        _load(copy)


def test_pickled_objects_are_refused(copy):
    np.save(copy / "query_embeddings.npy", np.array([{}] * 300), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        _load(copy)
