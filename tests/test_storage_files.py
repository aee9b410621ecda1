"""Saving replaces a file as a whole or not at all, whatever happens."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from bitindex.storage import atomic, read_file, write_file, writer

GOLDEN = Path(__file__).parent / "golden" / "v1_arrays.bitx"


def test_paths_that_are_no_file(tmp_path):
    for path in (tmp_path, f"{tmp_path}/", "", ".", "..", "/"):
        with pytest.raises(IsADirectoryError):
            write_file(path, "arrays", {}, {})
    with pytest.raises(IsADirectoryError):
        write_file(f"{tmp_path}/new/", "arrays", {}, {})
    with pytest.raises(FileNotFoundError, match="missing'"):
        write_file(tmp_path / "missing" / "a.bitx", "arrays", {}, {})
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "missing.bitx")
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFO")
def test_special_files_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    for path in (tmp_path / "fifo", tmp_path / "link", Path(os.devnull)):
        with pytest.raises(OSError, match="Not a regular file"):
            write_file(path, "arrays", {}, {})
        with pytest.raises(OSError, match="Not a regular file"):
            read_file(path)
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)


def test_symbolic_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "a.bitx"
    link.symlink_to("../real/b.bitx")
    for n in range(2):  # The target is missing at first.
        write_file(link, "arrays", {"n": n}, {})
        assert link.is_symlink()
        assert read_file(tmp_path / "real" / "b.bitx").meta == read_file(link).meta == {"n": n}
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["b.bitx"]
    assert [path.name for path in (tmp_path / "links").iterdir()] == ["a.bitx"]


def test_circle_of_symbolic_links_is_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="a") as caught:
        write_file(tmp_path / "a", "arrays", {}, {})
    assert caught.value.errno == errno.ELOOP


def test_mode_of_an_existing_file_is_kept(tmp_path):
    path = tmp_path / "a.bitx"
    previous = os.umask(0o027)
    try:
        write_file(path, "arrays", {}, {})
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        for mode in (0o600, 0o666, 0o755):
            path.chmod(mode)
            write_file(path, "arrays", {}, {})
            assert stat.S_IMODE(path.stat().st_mode) == mode
    finally:
        os.umask(previous)


def test_temporary_file_is_never_more_open_than_the_file(tmp_path, monkeypatch):
    path = tmp_path / "a.bitx"
    path.touch(0o600)
    seen = []

    def look(file, section, array):
        (temporary,) = set(tmp_path.iterdir()) - {path}
        seen.append((temporary.name, stat.S_IMODE(temporary.stat().st_mode)))
        return section

    monkeypatch.setattr(writer, "_write_section", look)
    write_file(path, "arrays", {}, {"a": np.zeros(2)})
    ((name, mode),) = seen
    assert name.startswith(".")
    assert name.endswith(".tmp")
    assert mode == 0o600


def test_longest_name_of_a_file(tmp_path):
    path = tmp_path / ("x" * 255)
    write_file(path, "arrays", {}, {})
    assert read_file(path).kind == "arrays"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_write_protection_is_respected(tmp_path):
    path = tmp_path / "a.bitx"
    write_file(path, "arrays", {}, {})
    path.chmod(0o444)
    with pytest.raises(PermissionError):
        write_file(path, "arrays", {"new": 1}, {})
    path.chmod(0o644)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            write_file(path, "arrays", {"new": 1}, {})
    finally:
        tmp_path.chmod(0o755)
    assert read_file(path).meta == {}
    assert list(tmp_path.iterdir()) == [path]


class Interruption:
    """A write that fails at its n-th call."""

    def __init__(self, n_calls, error):
        self.n_calls = n_calls
        self.error = error
        self.original = writer.write_all

    def __call__(self, file, data):
        self.n_calls -= 1
        if self.n_calls < 0:
            file.write(bytes(data)[: len(data) // 2])
            raise self.error
        self.original(file, data)


@pytest.mark.parametrize("n_calls", range(5))
@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device"), MemoryError()],
    ids=["ctrl-c", "full-disk", "memory"],
)
@pytest.mark.parametrize("exists", [True, False])
def test_interrupted_write_changes_nothing(tmp_path, monkeypatch, n_calls, error, exists):
    path = tmp_path / "a.bitx"
    if exists:
        shutil.copy(GOLDEN, path)
    monkeypatch.setattr(writer, "write_all", Interruption(n_calls, error))
    monkeypatch.setattr(writer, "CHUNK_BYTES", 64)
    with pytest.raises(type(error)):
        write_file(path, "arrays", {}, {"a": np.arange(16), "b": np.arange(16)})
    if exists:
        assert path.read_bytes() == GOLDEN.read_bytes()
    assert list(tmp_path.iterdir()) == [path] * exists


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failed_last_step_changes_nothing(tmp_path, monkeypatch, step):
    path = tmp_path / "a.bitx"
    shutil.copy(GOLDEN, path)

    def fail(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os if step == "fsync" else Path, step, fail)
        with pytest.raises(KeyboardInterrupt):
            write_file(path, "arrays", {}, {"a": np.arange(16)})
    assert path.read_bytes() == GOLDEN.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_short_writes_are_continued(tmp_path):
    class SlowFile:
        def __init__(self):
            self.content = b""

        def write(self, data):
            self.content += bytes(data[:3])
            return len(data[:3])

    file = SlowFile()
    writer.write_all(file, b"0123456789")
    assert file.content == b"0123456789"


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="this system has no file size limit")
def test_file_size_limit_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.bitx"
    shutil.copy(GOLDEN, path)
    program = """
import errno, resource, signal, sys
import numpy as np
from bitindex.storage import write_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_file(sys.argv[1], "arrays", {}, {"a": np.zeros(20_000, np.uint8)})
except OSError as error:
    sys.exit(0 if error.errno == errno.EFBIG else 2)
sys.exit(1)
"""
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)
    assert path.read_bytes() == GOLDEN.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_keeps_the_old_file(tmp_path):
    mounted = tmp_path / "disk"
    mounted.mkdir()
    mount = shutil.which("mount")
    umount = shutil.which("umount")
    options = ["-t", "tmpfs", "-o", "size=256k", "tmpfs", str(mounted)]
    if not mount or not umount or subprocess.run([mount, *options], capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        path = mounted / "a.bitx"
        shutil.copy(GOLDEN, path)
        with pytest.raises(OSError, match="No space left") as caught:
            write_file(path, "arrays", {}, {"a": np.ones(1 << 20, np.uint8)})
        assert caught.value.errno == errno.ENOSPC
        assert path.read_bytes() == GOLDEN.read_bytes()
        assert list(mounted.iterdir()) == [path]
    finally:
        subprocess.run([umount, str(mounted)], check=True)


def test_saving_over_a_mapped_file_is_safe(tmp_path):
    path = tmp_path / "a.bitx"
    write_file(path, "arrays", {}, {"a": np.arange(10_000)})
    old = read_file(path, mmap=True).sections["a"]
    write_file(path, "arrays", {}, {"a": old[::-1]})
    new = read_file(path, mmap=True).sections["a"]
    np.testing.assert_array_equal(old, np.arange(10_000))
    np.testing.assert_array_equal(new, np.arange(10_000)[::-1])


def test_readers_beside_a_writer_see_whole_files(tmp_path):
    path = tmp_path / "a.bitx"
    write_file(path, "arrays", {"n": 0}, {"a": np.zeros(1000, np.int64)})

    def write():
        for n in range(100):
            write_file(path, "arrays", {"n": n}, {"a": np.full(1000 + n, n)})

    writing = threading.Thread(target=write)
    writing.start()
    try:
        while writing.is_alive():
            for mmap in (False, True):
                stored = read_file(path, mmap)
                assert np.all(stored.sections["a"] == stored.meta["n"])
    finally:
        writing.join()


KILLED_WRITER = """
import os, signal, sys
import numpy as np
from bitindex.storage import write_file, writer

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

writer.write_all = die
write_file(sys.argv[1], "arrays", {}, {"a": np.arange(9)})
"""


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    path = tmp_path / "a.bitx"
    shutil.copy(GOLDEN, path)
    (tmp_path / ".bitindex-of-a-user.txt").touch()
    for _ in range(2):
        command = [sys.executable, "-c", KILLED_WRITER, str(tmp_path / "b.bitx")]
        assert subprocess.run(command, timeout=60).returncode == -signal.SIGKILL
    assert path.read_bytes() == GOLDEN.read_bytes()
    assert len(list(tmp_path.glob(".bitindex-*.tmp"))) == 1
    write_file(path, "arrays", {}, {})
    assert {found.name for found in tmp_path.iterdir()} == {"a.bitx", ".bitindex-of-a-user.txt"}


def test_what_another_writer_is_writing_is_not_removed(tmp_path):
    with atomic.replace_file(str(tmp_path / "a.bitx")) as file:
        file.write(b"one")
        for n in range(3):
            write_file(tmp_path / "b.bitx", "arrays", {"n": n}, {})
    assert (tmp_path / "a.bitx").read_bytes() == b"one"
    assert read_file(tmp_path / "b.bitx").meta == {"n": 2}


def test_writers_of_one_directory_never_take_each_others_files(tmp_path, run_together):
    def write(number):
        for n in range(60):
            path = tmp_path / f"{number}.bitx"
            write_file(path, "arrays", {"n": n}, {"a": np.arange(n)})
            assert read_file(path).meta == {"n": n}

    run_together(*(lambda number=number: write(number) for number in range(4)))
    assert len(list(tmp_path.iterdir())) == 4


def test_a_link_that_looks_like_a_temporary_file_is_left_alone(tmp_path):
    (tmp_path / "precious").write_text("kept")
    link = tmp_path / ".bitindex-0.tmp"
    link.symlink_to("precious")
    os.mkfifo(tmp_path / ".bitindex-1.tmp")
    write_file(tmp_path / "a.bitx", "arrays", {}, {})
    assert link.is_symlink()
    assert (tmp_path / ".bitindex-1.tmp").exists()
    assert (tmp_path / "precious").read_text() == "kept"
