"""Uploads that no patient's files are: each a name and the arguments of a request."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

import nibabel
import numpy as np

from serve.dicom_series import archive
from serve.served import nifti, nifti_gz, volume

Case = tuple[str, dict[str, Any]]
MB = 2**20
GOOD = nifti_gz(volume(2))
PLAIN = nifti(volume(1))
PACKED = nifti_gz(volume(1))
BOUNDARY = "frontier"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def cases() -> list[Case]:
    """All of them; every one is refused with a 4xx."""
    found = [
        *truncated(),
        *noise(),
        *bombs(),
        *headers(),
        *volumes(),
        *arrays(),
        *archives(),
        *names(),
        *forms(),
        *documents(),
        *requests(),
    ]
    assert len({name for name, _ in found}) == len(found)
    return found


def image(name: str, content: bytes) -> dict[str, Any]:
    """A form with this file for one modality, and a good one for the other."""
    return {"files": {"hbp": (name, content), "pre": ("pre.nii.gz", GOOD)}}


def truncated() -> Iterator[Case]:
    for place in range(24):
        yield f"truncated-gz-{place}", image("a.nii.gz", PACKED[: len(PACKED) * place // 24])
        yield f"truncated-nii-{place}", image("a.nii", PLAIN[: len(PLAIN) * place // 24])
    series = archive(volume(1))
    for place in range(6):
        yield f"truncated-zip-{place}", image("a.zip", series[: len(series) * place // 6])


def noise() -> Iterator[Case]:
    generator = np.random.default_rng(0)
    for ending in ("nii", "nii.gz", "npy", "npz", "zip"):
        for number, size in enumerate((1, 348, 352, 4096, 100_000)):
            yield f"noise-{ending}-{number}", image(f"a.{ending}", generator.bytes(size))
    yield "elf", image("a.nii", b"\x7fELF" + bytes(1000))
    yield "html", image("a.nii.gz", b"<script>alert(1)</script>")
    yield "gz-of-noise", image("a.nii.gz", gzip.compress(generator.bytes(1000)))
    yield "gz-in-gz", image("a.nii.gz", gzip.compress(PACKED))
    yield "nii-named-gz", image("a.nii.gz", PLAIN)
    yield "gz-named-nii", image("a.nii", PACKED)


def bombs() -> Iterator[Case]:
    for size in (5, 64, 512):
        yield f"gzip-bomb-{size}", image("a.nii.gz", packed_zeros(size))
    yield "gzip-bomb-header", image("a.nii.gz", gzip.compress(PLAIN[:352]) + packed_zeros(64))
    yield "two-bombs", {"files": {"hbp": ("a.nii.gz", packed_zeros(3)), "pre": ("b.nii.gz", packed_zeros(3))}}
    for ending in ("zip", "npz"):
        yield f"zip-bomb-{ending}", image(f"a.{ending}", zipped({"a.npy": bytes(64 * MB)}))
    yield "zip-bomb-of-many", image("a.zip", zipped({f"{number}": bytes(MB) for number in range(8)}))
    yield "zip-in-zip", image("a.zip", zipped({"a.zip": zipped({"b": bytes(MB)})}))
    yield "zip-of-thousands", image("a.zip", zipped({f"f{number}": b"" for number in range(2000)}))


def packed_zeros(megabytes: int) -> bytes:
    block = gzip.compress(bytes(MB))
    return block * megabytes  # members follow each other, as the format allows


def zipped(contents: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return buffer.getvalue()


def headers() -> Iterator[Case]:
    """Fields of a NIfTI header, by their place (https://nifti.nimh.nih.gov/nifti-1)."""
    for value in (540,):
        yield f"header-size-{value}", image("a.nii", patched((0, "<i", value)))
    for value in (-1, 0, 1, 2, 8, 32767):
        yield f"dimensions-{value}", image("a.nii", patched((40, "<h", value)))
    for place in (42, 44, 46):
        for value in (-1, 0, 1, 32767):
            yield f"extent-{place}-{value}", image("a.nii", patched((place, "<h", value)))
    yield "all-extents", image("a.nii", patched(*((place, "<h", 32767) for place in range(42, 56, 2)), (40, "<h", 7)))
    for value in (0, 1, 255, 512 + 77, -4, 32, 1792, 128):
        yield f"type-{value}", image("a.nii", patched((70, "<h", value)))
    for value in (1e9, -1e9, float("nan"), float("inf")):
        yield f"offset-{value}", image("a.nii", patched((108, "<f", value)))
    for value in (float("nan"), float("inf")):
        yield f"slope-{value}", image("a.nii", patched((112, "<f", 1.0), (116, "<f", value)))
    for value in (float("nan"), float("inf"), 0.0):
        yield f"affine-{value}", image("a.nii", patched(*((place, "<f", value) for place in range(280, 328, 4))))
    yield "magic", image("a.nii", patched((344, "4s", b"evil")))


def patched(*changes: tuple[int, str, Any]) -> bytes:
    content = bytearray(PLAIN)
    for place, form, value in changes:
        struct.pack_into(form, content, place, value)
    return bytes(content)


def volumes() -> Iterator[Case]:
    for shape in (
        (16, 16, 7),
        (16, 8, 16),
        (8, 16, 16),
        (1, 1, 1),
        (16, 16),
        (16, 16, 8, 2),
        (64, 64, 64),
        (16, 16, 8, 1, 3),
    ):
        yield f"shape-{'x'.join(map(str, shape))}", image("a.nii", nifti(volume(1, shape)))
    for value in (np.nan, np.inf, -np.inf):
        values = volume(1)
        values[3, 3, 3] = value
        yield f"voxel-{value}", image("a.nii.gz", nifti_gz(values))
    yield "complex", image("a.nii", nifti(volume(1).astype(np.complex64)))
    colours = np.zeros((16, 16, 8), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    yield "colours", image("a.nii", nibabel.Nifti1Image(colours, np.eye(4)).to_bytes())
    yield "empty", image("a.nii", b"")
    yield "empty-gz", image("a.nii.gz", gzip.compress(b""))


def arrays() -> Iterator[Case]:
    for name, value in {
        "objects": np.array([{}, []], dtype=object),
        "text": np.array(["a", "b"]),
        "structure": np.zeros(4, dtype=[("a", "f4"), ("b", "i4")]),
        "dates": np.zeros((8, 16, 16), "datetime64[s]"),
        "scalar": np.array(1.0),
        "flat": np.zeros(8 * 16 * 16),
        "nan": np.full((8, 16, 16), np.nan),
    }.items():
        yield f"npy-{name}", image("a.npy", saved(value))
        yield f"npz-{name}", image("a.npz", zipped({"a.npy": saved(value)}))
    yield "pickle", image("a.npy", pickle.dumps(Command()))
    yield "pickle-in-npz", image("a.npz", zipped({"a.npy": pickle.dumps(Command())}))
    yield "npz-of-two", image("a.npz", zipped({f"{name}.npy": saved(np.zeros((8, 16, 16))) for name in "ab"}))
    yield "npz-of-none", image("a.npz", zipped({}))
    for number, head in enumerate(
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (999999999, 9999), }", "__import__('os')", "{" * 500)
    ):
        block = head.encode().ljust(1014) + b"\n"
        yield f"npy-header-{number}", image("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(block)) + block)


class Command:
    """What an attacker pickles."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("executed",)


def saved(value: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=True)
    return buffer.getvalue()


def archives() -> Iterator[Case]:
    series = archive(volume(1))
    with zipfile.ZipFile(io.BytesIO(series)) as file:
        slices = [file.read(item) for item in file.infolist()][:8]
    for number, name in enumerate(
        ("../../../tmp/evil.dcm", "/etc/cron.d/evil", "..\\..\\evil", "a/../../b", "C:\\evil", "evil\x01", "nul")
    ):
        yield f"traversal-{number}", image("a.zip", zipped({name: b"evil"}))
    yield "archive-of-text", image("a.zip", zipped({"a.txt": b"hello"}))
    yield "archive-of-nifti", image("a.zip", zipped({"a.nii": PLAIN}))
    yield "archive-of-scripts", image("a.zip", zipped({"a.py": b"import os", "a.sh": b"rm -rf /"}))
    yield "two-series", image("a.zip", archive(volume(1), series=2))
    yield "six-series", image("a.zip", archive(volume(1), series=6))
    yield "gap", image("a.zip", archive(volume(1), leave_out=[2]))
    yield "one-slice", image("a.zip", zipped({"a": slices[0]}))
    yield "slices-cut", image("a.zip", zipped({str(number): item[:-100] for number, item in enumerate(slices)}))
    yield "heads-only", image("a.zip", zipped({str(number): item[:200] for number, item in enumerate(slices)}))
    yield "slice-twice", image("a.zip", zipped({str(number): slices[0] for number in range(8)}))
    for number, place in enumerate((30, len(series) // 2, len(series) - 60, len(series) - 10)):
        yield f"archive-changed-{number}", image("a.zip", series[:place] + b"\xff\x00\xff" * 3 + series[place + 9 :])
    yield "encrypted", image("a.zip", encrypted())
    yield "lying-size", image("a.zip", lying())
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(link, "/etc/passwd")
    yield "link", image("a.zip", buffer.getvalue())


def encrypted() -> bytes:
    content = bytearray(zipped({"a": b"secret"}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def lying() -> bytes:
    """An entry of 4 MB that declares 10 bytes."""
    content = bytearray(zipped({"a": bytes(4 * MB)}))
    for place in (22, content.index(b"PK\x01\x02") + 24):
        struct.pack_into("<I", content, place, 10)
    return bytes(content)


def names() -> Iterator[Case]:
    for number, name in enumerate(
        (
            "../../etc/passwd",
            "/etc/shadow",
            "..\\boot.ini",
            "a.php",
            "a.nii.exe",
            "a",
            ".",
            "..",
            "nii",
            "a.nii\x00.exe",
            "a" * 5000,
            "a.tar.gz",
            "a.dcm",
            "%2e%2e%2f",
            "a.nii/",
            "\u202eiin.a",
        )
    ):
        yield f"name-{number}", image(name, GOOD)


def forms() -> Iterator[Case]:
    good = {"hbp": ("a.nii.gz", PACKED), "pre": ("b.nii.gz", GOOD)}
    yield "one-missing", {"files": {"hbp": good["hbp"]}}
    yield "privileged", {"files": {**good, "clinical": ("c.nii.gz", GOOD)}}
    yield "unknown-field", {"files": {**good, "t2": ("c.nii.gz", GOOD)}}
    yield "unknown-value", {"files": good, "data": {"subject": "1"}}
    yield "markup-field", {"files": {**good, "<script>": ("c.nii.gz", GOOD)}}
    yield "twice", {"files": [*good.items(), ("hbp", good["hbp"])]}
    yield "many-parts", {"files": [("hbp", good["hbp"])] * 100}
    yield "many-values", {"data": {f"x{number}": "1" for number in range(2000)}, "files": good}
    yield "path-as-value", {"data": {"hbp": "/etc/passwd"}, "files": {"pre": good["pre"]}}
    yield "path-up-as-value", {"data": {"hbp": "../0.nii"}, "files": {"pre": good["pre"]}}
    yield "huge-value", {"data": {"hbp": "x" * 100_000}, "files": {"pre": good["pre"]}}
    yield "long-field", {"data": {"x" * 10_000: "1"}, "files": good}
    raw = {
        "empty": b"",
        "blank": b"\r\n",
        "no-end": f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="hbp"; filename="a.nii"\r\n\r\nabc'.encode(),
        "end-only": f"--{BOUNDARY}--\r\n".encode(),
        "no-name": f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--{BOUNDARY}--\r\n".encode(),
        "no-disposition": f"--{BOUNDARY}\r\n\r\nabc\r\n--{BOUNDARY}--\r\n".encode(),
        "bad-header": f"--{BOUNDARY}\r\n: :\r\n\r\nabc\r\n--{BOUNDARY}--\r\n".encode(),
        "long-header": f"--{BOUNDARY}\r\nX: {'y' * 200_000}\r\n\r\nabc\r\n--{BOUNDARY}--\r\n".encode(),
        "other-boundary": b'--other\r\nContent-Disposition: form-data; name="hbp"\r\n\r\nabc\r\n--other--\r\n',
        "binary": bytes(range(256)) * 10,
    }
    for name, content in raw.items():
        yield f"form-{name}", {"content": content, "headers": FORM}
    yield "no-boundary", {"content": b"abc", "headers": {"Content-Type": "multipart/form-data"}}
    yield "empty-boundary", {"content": b"abc", "headers": {"Content-Type": "multipart/form-data; boundary="}}


def documents() -> Iterator[Case]:
    one = np.zeros((1, 8, 16, 16)).tolist()
    good = {"hbp": one, "pre": one}
    texts = {
        "empty": "",
        "cut": '{"inputs": {"hbp": [',
        "list": "[]",
        "number": "1",
        "null": "null",
        "no-inputs": "{}",
        "more": json.dumps({"inputs": good, "run": "x"}),
        "deep": "[" * 100_000,
        "deep-inputs": '{"inputs": {"hbp": ' + "[" * 5000 + "]" * 5000 + "}}",
        "inputs-list": '{"inputs": []}',
        "missing": json.dumps({"inputs": {"hbp": one}}),
        "nulls": json.dumps({"inputs": {"hbp": None, "pre": None}}),
        "privileged": json.dumps({"inputs": {**good, "clinical": [1]}}),
        "unknown": json.dumps({"inputs": {**good, "t2": [1]}}),
        "text": json.dumps({"inputs": {**good, "hbp": "abc"}}),
        "texts": json.dumps({"inputs": {**good, "hbp": [["a"]]}}),
        "ragged": json.dumps({"inputs": {**good, "hbp": [[1], [1, 2]]}}),
        "flat": json.dumps({"inputs": {**good, "hbp": [0.0] * 2048}}),
        "object": json.dumps({"inputs": {**good, "hbp": {"a": 1}}}),
        "nan": json.dumps({"inputs": {**good, "hbp": np.full((1, 8, 16, 16), np.nan).tolist()}}),
        "infinite": json.dumps({"inputs": {**good, "hbp": np.full((1, 8, 16, 16), np.inf).tolist()}}),
        "huge": json.dumps({"inputs": {**good, "hbp": np.zeros((1, 8, 16, 16)).tolist()}}).replace("0.0", "1e999", 1),
        "long-integer": '{"inputs": {"hbp": ' + "9" * 10_000 + "}}",
        "not-utf-8": b'{"inputs": {"hbp": "\xff\xfe"}}',
    }
    for name, text in texts.items():
        content = text if isinstance(text, bytes) else text.encode()
        yield f"json-{name}", {"content": content, "headers": {"Content-Type": "application/json"}}


def requests() -> Iterator[Case]:
    for kind in (
        "text/plain",
        "application/xml",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "application/x-python-pickle",
        "multipart/mixed; boundary=a",
        "",
        "json",
    ):
        yield f"type-of-body-{kind or 'none'}", {"content": b"hbp=1", "headers": {"Content-Type": kind}}
    yield "too-large", {"content": bytes(3 * MB), "headers": FORM}
    yield "too-large-in-pieces", {"content": iter([bytes(MB)] * 3), "headers": FORM}
    yield "too-large-file", image("a.nii", bytes(3 * MB))
    for level in ("0", "1", "-1", "nan", "abc", "1e999", ""):
        yield f"level-{level or 'none'}", {**image("a.nii.gz", PACKED), "params": {"level": level}}
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        yield f"method-{method}", {"method": method}
    for number, path in enumerate(
        (
            "/predict/",
            "/static/../app.py",
            "/static/%2e%2e/app.py",
            "/static/..%2fapp.py",
            "/..%2f..%2fetc/passwd",
            "//etc/passwd",
            "/static/page.js%00",
            "/model.safetensors",
        )
    ):
        yield f"path-{number}", {"method": "GET", "path": path}
    yield "host", {**image("a.nii.gz", PACKED), "headers": {"Host": "evil.example"}}
    yield "origin", {**image("a.nii.gz", PACKED), "headers": {"Origin": "https://evil.example"}}
    yield "origin-null", {**image("a.nii.gz", PACKED), "headers": {"Origin": "null"}}
