"""Files that may be anything: what is not regular, or larger than its limit, is refused by name."""

from __future__ import annotations

import gzip
import io
import os
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from xdistill.errors import DataError, RunError, UserError
from xdistill.untrusted import (
    TABLE,
    VOLUME,
    Limit,
    check_arrays,
    gunzip,
    open_regular,
    parse_json,
    read_bytes,
    read_json,
    read_text,
)

SMALL = Limit("XDISTILL_MAX_TEST_MB", 1)


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.csv")
    return folder / "pipe.csv"


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (fifo, "it is a named pipe"),
        (lambda _: Path("/dev/zero"), "it is a device"),
        (lambda folder: folder, "it is a folder"),
        (lambda folder: folder / "absent", "no such file"),
        (lambda folder: folder / "a\0b", "cannot contain a NUL"),
        (lambda folder: folder / ("a" * 5000), "the name is too long"),
    ],
)
def test_what_is_no_regular_file_is_refused_and_never_read(tmp_path, make, what):
    with pytest.raises(DataError, match=what):
        read_bytes(make(tmp_path), SMALL)


def test_links_are_followed_only_where_that_is_allowed(tmp_path):
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "one").symlink_to("other")
    (tmp_path / "other").symlink_to("one")
    assert read_text(tmp_path / "link", SMALL) == "text"
    with pytest.raises(RunError, match="a symbolic link"):
        open_regular(tmp_path / "link", error=RunError, links=False)
    with pytest.raises(RunError, match="loop"):
        open_regular(tmp_path / "one", error=RunError)


def test_a_file_beyond_its_limit_is_refused_with_the_setting_that_raises_it(tmp_path, monkeypatch):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**20 + 1)
    with pytest.raises(
        DataError, match=r"sparse: it takes 1,048,577 bytes, .* 1,048,576 bytes .* XDISTILL_MAX_TEST_MB"
    ):
        read_bytes(tmp_path / "sparse", SMALL)
    monkeypatch.setenv("XDISTILL_MAX_TEST_MB", "2")
    assert len(read_bytes(tmp_path / "sparse", SMALL)) == 2**20 + 1
    monkeypatch.setenv("XDISTILL_MAX_TEST_MB", "lots")
    with pytest.raises(UserError, match="XDISTILL_MAX_TEST_MB must be a whole number"):
        read_bytes(tmp_path / "sparse", SMALL)


def test_files_of_the_kernel_that_state_no_size_are_read_to_their_end():
    assert read_text(Path("/proc/self/status"), SMALL).startswith("Name:")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' * 100_000, "nested too deeply"),
        ("1" * 5000, "not valid JSON"),
        ('{"a": "\\ud800"}', "surrogate"),
        ("", "not valid JSON"),
        ("{'a': 1}", "not valid JSON"),
    ],
)
def test_json_that_breaks_parsers_is_one_message(text, what):
    with pytest.raises(RunError, match=f"^file: cannot be read: .*{what}"):
        parse_json(text, "file", error=RunError)


def test_a_whole_surrogate_pair_is_text(tmp_path):
    (tmp_path / "a.json").write_text('"\\ud83d\\ude00"')
    assert read_json(tmp_path / "a.json", SMALL) == "\U0001f600"


def test_what_is_not_utf8_is_named(tmp_path):
    (tmp_path / "a").write_bytes(b"ab\xff")
    with pytest.raises(DataError, match="invalid byte 0xff at 2"):
        read_text(tmp_path / "a", SMALL)


def test_a_gzip_bomb_takes_no_more_memory_than_its_limit():
    bomb = gzip.compress(bytes(40 * 2**20))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="bomb: its decompressed content takes"):
            gunzip(bomb, Path("bomb"), SMALL)
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_a_declared_size_is_compared_before_anything_is_decompressed():
    packed = gzip.compress(bytes(5000))
    assert gunzip(packed, Path("file"), SMALL, declared=lambda _: 5000) == bytes(5000)
    with pytest.raises(DataError, match="9,600 MB"):
        gunzip(packed, Path("file"), SMALL, declared=lambda _: 9_600_000_000)


def test_what_follows_the_declared_size_is_checked_and_dropped():
    packed = gzip.compress(bytes(10 * 2**20))
    limit = Limit("XDISTILL_MAX_TEST_MB", 20)
    assert len(gunzip(packed, Path("file"), limit, declared=lambda _: 100)) == 4096
    broken = bytearray(packed)
    broken[-5] ^= 1  # a bit of the checksum
    with pytest.raises(OSError, match="CRC"):
        gunzip(bytes(broken), Path("file"), limit, declared=lambda _: 100)


@pytest.mark.parametrize("fast", [True, False])
def test_gzip_files_are_read_alike_with_and_without_isal(monkeypatch, fast):
    if fast:
        pytest.importorskip("isal")
    else:
        monkeypatch.setitem(sys.modules, "isal", None)
    packed = gzip.compress(bytes(range(256)) * 40)
    assert gunzip(packed * 2, Path("file"), SMALL) == bytes(range(256)) * 80
    for damaged in (packed[:-3], packed[:30], packed[:20] + b"\xff" * 40 + packed[60:], packed + b"xx", b"no gzip"):
        with pytest.raises((OSError, EOFError, zlib.error)):
            gunzip(damaged, Path("file"), SMALL)


def npy(shape: tuple[int, ...], values: bytes = b"") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return stream.getvalue() + values


def test_headers_of_arrays_are_compared_with_limit_and_content():
    check_arrays(npy((2, 3), bytes(48)), Path("a.npy"), SMALL)
    with pytest.raises(DataError, match=r"a.npy: the array that its header states takes 8,000,000 MB"):
        check_arrays(npy((10**6, 10**6)), Path("a.npy"), SMALL)
    with pytest.raises(DataError, match=r"states 48 bytes of values, but it holds 40"):
        check_arrays(npy((2, 3), bytes(40)), Path("a.npy"), SMALL)
    with pytest.raises(DataError, match="damaged or incomplete"):
        check_arrays(npy((-1, 3), bytes(40)), Path("a.npy"), SMALL)


def test_members_of_an_archive_are_compared_before_one_is_decompressed():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy((2**20,), bytes(8 * 2**20)))
    assert len(stream.getvalue()) < 20_000
    with pytest.raises(DataError, match=r"its array 'a.npy' takes 8,388,\d{3} bytes"):
        check_arrays(stream.getvalue(), Path("a.npz"), SMALL)
    check_arrays(stream.getvalue(), Path("a.npz"), VOLUME)


def test_every_limit_has_a_setting_of_its_own():
    assert TABLE.variable != VOLUME.variable
    assert TABLE.problem(TABLE.size) == ""
