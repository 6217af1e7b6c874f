"""From bytes to text: the encoding is looked for where none is set."""

from __future__ import annotations

import codecs
from pathlib import Path

from xdistill.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8 = ("utf-8", "utf8")


def decode(content: bytes, file: Path, encoding: str | None) -> tuple[str, str]:
    """The text of a file, and how it was decoded if that had to be found out: empty for UTF-8.

    Args:
        content: of the file.
        file: for messages.
        encoding: of the text. None: what a byte order mark says, else UTF-8, else cp1252.

    Raises:
        DataError: for bytes that are not text of this encoding.
    """
    if encoding is not None:
        return _decoded(content, file, encoding), ""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return _decoded(content, file, name), "" if name == "utf-8-sig" else f"encoding {name} (byte order mark)"
    try:
        return content.decode("utf-8"), ""
    except UnicodeDecodeError:
        pass
    if b"\0" in content:
        raise DataError(f"{file}: this is not a text file; save the table as CSV, TSV, XLSX or Parquet")
    try:
        return content.decode("cp1252"), "encoding cp1252"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "encoding latin-1"


def _decoded(content: bytes, file: Path, encoding: str) -> str:
    utf8 = encoding.lower().replace("_", "-") in _UTF8
    if utf8 and content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{file}: the file is UTF-16; save it as UTF-8, or set `encoding: utf-16`")
    try:
        return content.decode("utf-8-sig" if utf8 else encoding)
    except UnicodeError as error:
        number = content.count(b"\n", 0, getattr(error, "start", 0)) + 1
        raise DataError(
            f"{file}, line {number}: not {encoding} text; save the file as UTF-8, or set `encoding` (files saved by "
            f"Excel are often cp1252)"
        ) from error
