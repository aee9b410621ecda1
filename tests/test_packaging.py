"""What is shipped: a source distribution, the wheel built from it, and how that wheel behaves."""

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import numpy as np
import pytest

from bitindex import _bitops, _core

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE = 1_000_000
SHIPPED_FOLDERS = ("bitindex", "csrc", "tests", "bench", "docs", "fuzz")
SHIPPED_FILES = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "pyproject.toml",
    "setup.py",
)
# Compiled or cached here, and so in no source distribution.
MADE_HERE = re.compile(r"\.so$|\.py[co]$|(^|/)__pycache__/|^bench/results/")

SEARCH = """
import sys
import bitindex as bi
loaded = set(sys.modules)

data = bi.datasets.load_scifact()
index = bi.EmbeddingIndex(bi.SignBinarizer().fit(data.doc_embeddings), rescore="int8")
index.add(data.doc_embeddings)
scores, ids = index.search(data.query_embeddings, k=10)
print(round(bi.evaluate.ndcg_at_k(ids, data.qrels, k=10, doc_ids=data.doc_ids), 2))
print(bi.__version__)
print(bi.__file__)
print(*sorted(loaded))
"""

CONSUMER = """
import numpy as np

import bitindex as bi

index = bi.FlatIndex(n_bits=256)
index.add(np.zeros((3, 32), np.uint8))
distances, ids = index.search(np.zeros((1, 32), np.uint8), k=2)
first: int = int(ids[0, 0])
bits = bi.unpack(index.get(ids[0]), 256)
reveal_type(index)
"""


def run(*command, cwd, **environment):
    # An activated -march in CFLAGS, or the tree in PYTHONPATH, would be tested otherwise.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("CFLAGS", "CXXFLAGS", "CPPFLAGS", "PYTHONPATH")
    }
    result = subprocess.run(
        command, cwd=cwd, env=inherited | environment, capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def tree():
    """Return the files of the repository that are shipped, as paths from its root."""
    files = {
        path.relative_to(ROOT).as_posix()
        for folder in SHIPPED_FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    return {file for file in files if not MADE_HERE.search(file)} | set(SHIPPED_FILES)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    build = f"from setuptools.build_meta import build_sdist; build_sdist({str(folder)!r})"
    run(sys.executable, "-c", build, cwd=ROOT)
    (archive,) = folder.iterdir()
    return archive


@pytest.fixture(scope="module")
def built(sdist, tmp_path_factory):
    """Return the wheel that was built from the source distribution, and the output of the build."""
    folder = tmp_path_factory.mktemp("wheel")
    output = run(
        *(sys.executable, "-m", "pip", "wheel", "--verbose", "--no-build-isolation", "--no-deps"),
        *("--no-index", "--no-cache-dir", "--wheel-dir", str(folder), str(sdist)),
        cwd=folder,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel, output


@pytest.fixture(scope="module")
def wheel_files(built):
    with zipfile.ZipFile(built[0]) as archive:
        return {entry.filename: entry for entry in archive.infolist()}


@pytest.fixture(scope="module")
def environment(built, tmp_path_factory):
    """Return the Python of a fresh environment with the wheel, and with what this one has."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    run(
        *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index"),
        *("--target", str(packages), str(built[0])),
        cwd=folder,
    )
    # After the wheel's own folder, and without the .pth file of an editable installation there.
    dependencies = Path(np.__file__).parents[1]
    (packages / "dependencies.pth").write_text(f"{dependencies}\n")
    return folder / "bin" / "python", packages


def test_the_sanitized_build_is_what_the_sanitizer_run_tests():
    sanitized = "build/sanitized" in Path(_core.__file__).as_posix()
    for module in (_core, _bitops):
        assert (b"__asan_init" in Path(module.__file__).read_bytes()) == sanitized
    assert sanitized == bool(os.environ.get("BITINDEX_SANITIZE"))


@pytest.mark.once
def test_sdist_holds_the_repository_and_nothing_made_from_it(sdist):
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    besides = {name for name in names if name.startswith("bitindex.egg-info/")}
    assert names - besides - {"PKG-INFO", "setup.cfg", "MANIFEST.in", ".clang-format"} == tree()


@pytest.mark.once
def test_wheel_holds_the_package_and_no_sources(wheel_files):
    package = {name for name in wheel_files if name.startswith("bitindex/")}
    compiled = {name for name in package if name.endswith((".so", ".pyd"))}
    assert {name.partition(".")[0] for name in compiled} == {"bitindex/_core", "bitindex/_bitops"}
    kept = {name for name in tree() if name.startswith("bitindex/") and not name.endswith(".pyx")}
    assert package - compiled == kept
    assert {"bitindex/py.typed", "bitindex/_core.pyi", "bitindex/_bitops.pxd"} <= package
    rest = {name.partition("/")[0] for name in wheel_files} - {"bitindex"}
    assert len(rest) == 1
    assert next(iter(rest)).endswith(".dist-info")


@pytest.mark.once
def test_wheel_is_small(wheel_files):
    sizes = {"data": 0, "rest": 0}
    for name, entry in wheel_files.items():
        sizes["data" if "/data/" in name else "rest"] += entry.file_size
    assert sizes["data"] < 8 * MEGABYTE
    assert sizes["rest"] < 3 * MEGABYTE


@pytest.mark.once
def test_wheel_names_all_licences(built, wheel_files):
    with zipfile.ZipFile(built[0]) as archive:
        (name,) = (name for name in wheel_files if name.endswith("/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    assert metadata["License-Expression"] == "Apache-2.0 AND CC-BY-4.0 AND ODC-By-1.0"
    for file in metadata.get_all("License-File"):
        assert f"{name.partition('/')[0]}/licenses/{file}" in wheel_files
    assert set(metadata.get_all("License-File")) == {"LICENSE", "bitindex/data/scifact/NOTICE.md"}


@pytest.mark.once
def test_nothing_is_compiled_for_the_cpu_of_the_builder(built):
    compiler_lines = [line for line in built[1].splitlines() if "-c csrc/kernels/" in line]
    assert len(compiler_lines) == len(list((ROOT / "csrc/kernels").glob("*.cpp")))
    for line in built[1].splitlines():
        assert not re.search(r"\s-m(arch|tune|cpu|fpu|avx|sse|bmi|popcnt)|/arch:", line), line


@pytest.mark.once
def test_wheel_searches_in_a_fresh_environment(environment, tmp_path):
    python, packages = environment
    ndcg, version, file, modules = run(str(python), "-c", SEARCH, cwd=tmp_path).splitlines()
    assert Path(file).parent == packages / "bitindex"
    assert float(ndcg) == pytest.approx(0.65, abs=0.01)
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", version)
    loaded = {module.partition(".")[0] for module in modules.split()}
    assert not loaded & {"torch", "scipy", "sklearn", "tqdm", "xxhash", "argparse", "asyncio"}
    assert "importlib.metadata" not in modules.split()


@pytest.mark.once
def test_wheel_brings_the_command(environment, tmp_path):
    python, _ = environment
    assert run(str(python), "-m", "bitindex", "--version", cwd=tmp_path).startswith("bitindex ")


@pytest.mark.once
def test_wheel_brings_types(environment, tmp_path):
    pytest.importorskip("mypy", reason="no mypy (extra: lint)")
    python, _ = environment
    (tmp_path / "consumer.py").write_text(CONSUMER)
    report = run(
        *(sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python)),
        "consumer.py",
        cwd=tmp_path,
    )
    assert 'Revealed type is "bitindex.index.flat.FlatIndex"' in report
