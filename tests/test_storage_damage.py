"""A damaged or foreign file is refused with the reason, never read wrong."""

import json
import struct
from pathlib import Path

import pytest
import xxhash

from bitindex.storage import FileFormatError, read_file

GOLDEN = Path(__file__).parent / "golden" / "v1_arrays.bitx"
MODES = pytest.mark.parametrize("mmap", [False, True], ids=["read", "mapped"])


def build_file(header, data=b"", *, version=1, reserved=0, header_bytes=None, file_bytes=None):
    """Return a file whose checksums are right, so that only its content can be refused."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    start = -(-(64 + len(text)) // 64) * 64 if data else 64 + len(text)
    fields = (
        b"\x89BIX\r\n\x1a\n",
        version,
        reserved,
        len(text) if header_bytes is None else header_bytes,
        start + len(data) if file_bytes is None else file_bytes,
        xxhash.xxh3_64_intdigest(text),
    )
    unsealed = struct.pack("<8sIIQQQ16x", *fields)
    preamble = unsealed + struct.pack("<Q", xxhash.xxh3_64_intdigest(unsealed))
    return (preamble + text).ljust(start, b"\0") + data


def build_header(data, *, header_length=512, kind="arrays", **changes):
    """Return the header of a file with one section 'codes', padded with spaces to its length."""
    entry = {
        "name": "codes",
        "dtype": "|u1",
        "shape": [len(data)],
        "offset": 64 + header_length,
        "n_bytes": len(data),
        "xxh3": xxhash.xxh3_64_hexdigest(data),
    } | changes
    header = {"kind": kind, "meta": {}, "writer": "a stranger", "sections": [entry]}
    return json.dumps(header).encode().ljust(header_length)


@MODES
def test_every_changed_byte_is_refused(tmp_path, mmap):
    path = tmp_path / "a.bitx"
    whole = GOLDEN.read_bytes()
    for position in range(len(whole)):
        for change in (0x01, 0x80, 0xFF):
            damaged = bytearray(whole)
            damaged[position] ^= change
            path.write_bytes(damaged)
            with pytest.raises(FileFormatError, match=r"a\.bitx: "):
                read_file(path, mmap)


@MODES
def test_every_cut_is_refused(tmp_path, mmap):
    path = tmp_path / "a.bitx"
    whole = GOLDEN.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"is cut short|is not a bitindex file|as text"):
            read_file(path, mmap)


@MODES
@pytest.mark.parametrize("garbage", [b"\0", b"x", b"\0" * 64, GOLDEN.read_bytes()])
def test_bytes_after_the_end_are_refused(tmp_path, garbage, mmap):
    (tmp_path / "a.bitx").write_bytes(GOLDEN.read_bytes() + garbage)
    with pytest.raises(FileFormatError, match=f"has {len(garbage)} bytes after its end at 768"):
        read_file(tmp_path / "a.bitx", mmap)


def test_message_names_file_and_section(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    damaged = bytearray(GOLDEN.read_bytes())
    damaged[576] ^= 1
    Path("index.bitx").write_bytes(damaged)
    expected = r"^index\.bitx: section 'codes' is damaged: checksum \w{16} does not match \w{16}$"
    for mmap in (False, True):
        with pytest.raises(FileFormatError, match=expected):
            read_file("index.bitx", mmap)


def test_mapped_file_can_skip_the_checksums_of_the_sections_only(tmp_path):
    path = tmp_path / "a.bitx"
    whole = GOLDEN.read_bytes()
    data = {576 + n for n in range(12)} | {640 + n for n in range(24)} | {704 + n for n in range(8)}
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        if position in data:
            read_file(path, mmap=True, verify=False)
        else:
            with pytest.raises(FileFormatError):
                read_file(path, mmap=True, verify=False)


def test_verify_false_without_mmap_is_refused():
    with pytest.raises(ValueError, match="verify=False needs mmap=True"):
        read_file(GOLDEN, verify=False)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not a bitindex file: it is empty"),
        (b"\x93NUMPY" + b"\0" * 200, "is not a bitindex file"),
        (b"PK\x03\x04", "is not a bitindex file"),
        (GOLDEN.read_bytes().replace(b"\r\n", b"\n"), "changed by a transfer as text"),
        (GOLDEN.read_bytes().replace(b"\n", b"\r\n"), "changed by a transfer as text"),
        (bytes(byte & 0x7F for byte in GOLDEN.read_bytes()), "changed by a transfer as text"),
    ],
    ids=["empty", "npy", "zip", "dos2unix", "unix2dos", "seven-bit"],
)
def test_other_formats_are_refused(tmp_path, content, problem):
    (tmp_path / "a.bitx").write_bytes(content)
    with pytest.raises(FileFormatError, match=problem):
        read_file(tmp_path / "a.bitx")


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_unknown_version_is_named(tmp_path, version):
    (tmp_path / "a.bitx").write_bytes(build_file(build_header(b""), version=version))
    with pytest.raises(
        ValueError, match=f"has format version {version}; this bitindex reads .* 1$"
    ):
        read_file(tmp_path / "a.bitx")


@MODES
def test_file_of_another_writer_is_read(tmp_path, mmap):
    (tmp_path / "a.bitx").write_bytes(build_file(build_header(b"\1\0\1"), b"\1\0\1"))
    assert read_file(tmp_path / "a.bitx", mmap).sections["codes"].tolist() == [1, 0, 1]


@MODES
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": 5}, "bad name"),
        ({"name": ""}, "bad name"),
        ({"name": "../x"}, None),
        ({"name": "a//b"}, "bad name"),
        ({"name": "codes\n"}, "bad name"),
        ({"name": "x" * 256}, "bad name"),
        ({"dtype": "|O"}, "dtypes"),
        ({"dtype": ">u2"}, "dtypes"),
        ({"dtype": ["|u1"]}, "dtypes"),
        ({"dtype": "|b1"}, "bytes 0 and 1 only"),
        ({"shape": 4}, "shape"),
        ({"shape": [4.0]}, "shape"),
        ({"shape": [True, 4]}, "shape"),
        ({"shape": [-2, -2]}, "shape"),
        ({"shape": []}, "dimensions"),
        ({"shape": [1] * 32 + [4]}, "dimensions"),
        ({"shape": [5]}, "5 bytes by its shape, got 4"),
        ({"shape": [2**62, 4]}, "less than"),
        ({"shape": [0, 2**40, 2**40]}, "less than"),
        ({"shape": [2**64 + 4]}, "less than"),
        ({"n_bytes": 3}, "4 bytes by its shape, got 3"),
        ({"n_bytes": "4"}, "integer as n_bytes"),
        ({"n_bytes": 4.0}, "integer as n_bytes"),
        ({"shape": [2**40], "n_bytes": 2**40}, "must end within"),
        ({"shape": [1], "n_bytes": 1}, "has 3 bytes after its last section"),
        ({"offset": 0}, "must start at 576"),
        ({"offset": -64}, "must start at 576"),
        ({"offset": 577}, "must start at 576"),
        ({"offset": 640}, "must start at 576"),
        ({"offset": 2**70}, "must start at 576"),
        ({"offset": None}, "integer as offset"),
        ({"xxh3": 5}, "xxh3"),
        ({"xxh3": "0" * 16}, "is damaged"),
        ({"more": 1}, "must have the fields"),
    ],
)
def test_bad_section_with_right_checksums_is_refused(tmp_path, changes, problem, mmap):
    data = b"\1\2\3\4"
    (tmp_path / "a.bitx").write_bytes(build_file(build_header(data, **changes), data))
    if problem is None:
        # A name is never a path, so that one with dots is odd but harmless.
        assert list(read_file(tmp_path / "a.bitx", mmap).sections) == [changes["name"]]
    else:
        with pytest.raises(FileFormatError, match=problem):
            read_file(tmp_path / "a.bitx", mmap)


GOOD_HEADER = {"kind": "arrays", "meta": {}, "writer": "", "sections": []}


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (b"", "is not the JSON"),
        (b"{}", "must have the fields"),
        (b"[]", "must have the fields"),
        (b"\xff\xfe{}", "is not the JSON"),
        (b"\xef\xbb\xbf{}", "is not the JSON"),
        (json.dumps(GOOD_HEADER).encode("utf-16"), "is not the JSON"),
        (json.dumps(GOOD_HEADER).encode() + b"x", "is not the JSON"),
        (b"[" * 200_000, "is not the JSON"),
        (b'{"kind":"a","kind":"a"}', "occurs twice"),
        (b'{"meta":' + b"9" * 10_000 + b"}", "is not the JSON"),
        (b'{"meta":NaN}', "finite"),
        (b'{"meta":-Infinity}', "finite"),
        (b'{"meta":1e999}', "finite"),
        (GOOD_HEADER | {"kind": "Upper"}, "kind must be"),
        (GOOD_HEADER | {"kind": 5}, "must have the fields"),
        (GOOD_HEADER | {"meta": []}, "must have the fields"),
        (GOOD_HEADER | {"more": 1}, "must have the fields"),
        (GOOD_HEADER | {"sections": [5]}, "entry 0 of sections"),
        (GOOD_HEADER | {"sections": {}}, "must have the fields"),
    ],
)
def test_bad_header_with_right_checksums_is_refused(tmp_path, header, problem):
    (tmp_path / "a.bitx").write_bytes(build_file(header))
    with pytest.raises(FileFormatError, match=problem):
        read_file(tmp_path / "a.bitx")


def test_section_listed_twice_is_refused(tmp_path):
    entry = json.loads(build_header(b""))["sections"][0] | {"offset": 576}
    header = json.dumps(GOOD_HEADER | {"sections": [entry, entry]}).encode().ljust(512)
    (tmp_path / "a.bitx").write_bytes(build_file(header))
    with pytest.raises(FileFormatError, match="section 'codes' is listed twice"):
        read_file(tmp_path / "a.bitx")


def test_header_larger_than_the_file_is_refused_before_allocation(tmp_path):
    for header_bytes in (449, 2**20, 2**63, 2**64 - 1):
        content = build_file(b" " * 448, header_bytes=header_bytes)
        (tmp_path / "a.bitx").write_bytes(content)
        with pytest.raises(FileFormatError, match="header must have at most 448 bytes"):
            read_file(tmp_path / "a.bitx")
    with (tmp_path / "a.bitx").open("wb") as file:
        file.write(build_file(b"", header_bytes=65 << 20, file_bytes=1 << 30))
        file.truncate(1 << 30)
    with pytest.raises(FileFormatError, match=f"header must have at most {64 << 20} bytes"):
        read_file(tmp_path / "a.bitx")


def test_reserved_bytes_must_be_zero(tmp_path):
    (tmp_path / "a.bitx").write_bytes(build_file(GOOD_HEADER, reserved=1))
    with pytest.raises(FileFormatError, match="reserved bytes must be zero"):
        read_file(tmp_path / "a.bitx")


def test_file_shorter_than_its_preamble_says(tmp_path):
    (tmp_path / "a.bitx").write_bytes(build_file(b"", file_bytes=0))
    with pytest.raises(FileFormatError, match="has 64 bytes after its end at 0"):
        read_file(tmp_path / "a.bitx")
