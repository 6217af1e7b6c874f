"""Opens files that may be anything: a pipe that never ends, a device, a link, a file that fills the memory.

Every file that a user names, and every file of a run, record or model, goes through here.
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import re
import stat
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from xdistill.errors import DataError, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from xdistill.untrusted.limits import Limit

_BLOCK: Final = 2**20
_HEAD: Final = 4096  # bytes of a decompressed file in which its size may be declared
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISLNK, "a symbolic link"),
)
_REASONS: Final = {
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "no such file",
    errno.EACCES: "permission denied",
    errno.ELOOP: "its symbolic links form a loop",
    errno.ENAMETOOLONG: "the name is too long",
}
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def open_regular(
    path: Path, limit: Limit | None = None, *, error: type[UserError] = DataError, links: bool = True
) -> io.BufferedReader:
    """Open a file for reading, once it is known to be regular and of bounded size.

    Args:
        path: of the file.
        limit: on its size; None: it is not read as a whole.
        error: that is raised.
        links: whether symbolic links are followed.

    Raises:
        UserError: of the given class, for anything else than a regular file, and one that is missing, may not be read
            or is too large; names the file.
    """
    try:
        # Looked at before it is opened, because opening a device may have effects; and again after that, because
        # another file may have taken its place.
        _check_kind(path, path.stat(follow_symlinks=links), error)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW))
    except OSError as problem:
        raise error(f"{path}: cannot be read: {reason(problem)}") from None
    except ValueError:  # a NUL, which no path may have
        raise error(f"{str(path)!r}: cannot be read: a path cannot contain a NUL character") from None
    try:
        facts = os.fstat(descriptor)
        _check_kind(path, facts, error)
        if limit is not None:
            limit.check(path, facts.st_size, error=error)
        return open(descriptor, "rb")  # noqa: PTH123 - a descriptor has no path
    except BaseException:
        os.close(descriptor)
        raise


def read_bytes(path: Path, limit: Limit, *, error: type[UserError] = DataError, links: bool = True) -> bytes:
    """The content of a file; see `open_regular`."""
    with open_regular(path, limit, error=error, links=links) as file:
        try:
            content = file.read(os.fstat(file.fileno()).st_size)
            while rest := file.read(_BLOCK):  # of files of the kernel, which state no size, and of one that grows
                content += rest
                limit.check(path, len(content), error=error)
        except OSError as problem:
            raise error(f"{path}: cannot be read: {reason(problem)}") from None
    return content


def read_text(path: Path, limit: Limit, *, error: type[UserError] = DataError, links: bool = True) -> str:
    """The content of a UTF-8 file, without a byte order mark; see `open_regular`."""
    content = read_bytes(path, limit, error=error, links=links)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(
            f"{path}: cannot be read: it is not UTF-8 (invalid byte 0x{content[problem.start]:02x} at {problem.start})"
        ) from None


def read_json(path: Path, limit: Limit, *, error: type[UserError] = DataError, links: bool = True) -> Any:
    """The content of a JSON file; see `open_regular`."""
    return parse_json(read_text(path, limit, error=error, links=links), path, error=error)


def parse_json(text: str, path: Path | str, *, error: type[UserError] = DataError) -> Any:
    """A JSON document.

    Raises:
        UserError: of the given class, if it is not valid, nested too deeply, or holds text that is not Unicode.
    """
    try:
        data = json.loads(text)
        if _SURROGATE.search(text):
            json.dumps(data, ensure_ascii=False).encode()
    except RecursionError:
        raise error(f"{path}: cannot be read: it is nested too deeply") from None
    except UnicodeEncodeError:
        raise error(f"{path}: cannot be read: it holds half of a surrogate pair, which is not text") from None
    except ValueError as problem:
        raise error(f"{path}: cannot be read: not valid JSON: {problem}") from None
    return data


def gunzip(
    content: bytes,
    path: Path,
    limit: Limit,
    *,
    declared: Callable[[bytes], int] | None = None,
    error: type[UserError] = DataError,
) -> bytes:
    """Decompress a gzip file, whose checksum is verified.

    Args:
        content: of the file.
        path: of the file, for messages.
        limit: on the decompressed size.
        declared: reads the decompressed size from the first bytes; what follows is not kept. None: unknown.
        error: that is raised when the limit is exceeded.

    Raises:
        UserError: of the given class; names file, size and setting.
        OSError, EOFError, zlib.error: if the file is damaged.
    """
    pieces: list[bytes] = []
    with _gzip_file(content) as stream:
        piece = stream.read(_HEAD)
        wanted = limit.size if declared is None or not piece else declared(piece)
        limit.check(path, wanted, error=error, what="its decompressed content")
        total = kept = 0
        while piece:
            total += len(piece)
            limit.check(path, total, error=error, what="its decompressed content")
            if kept < wanted:
                pieces.append(piece)
                kept += len(piece)
            piece = stream.read(_BLOCK)
    return b"".join(pieces)


@contextmanager
def _gzip_file(content: bytes) -> Iterator[BinaryIO]:
    """A gzip file in memory; isal, where it is installed, decompresses it three times as fast as zlib."""
    try:
        from isal.igzip import IGzipFile
        from isal.igzip_lib import IsalError
    except ImportError:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            yield cast("BinaryIO", stream)
        return
    try:
        with IGzipFile(fileobj=io.BytesIO(content)) as stream:
            yield cast("BinaryIO", stream)
    except IsalError as problem:
        raise zlib.error(str(problem)) from problem


def kind_of(path: Path) -> str:
    """What stands where a file is meant, such as ``a named pipe``; empty for a regular file, and where nothing is."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return ""
    return "" if stat.S_ISREG(mode) else _kind(mode)


def reason(problem: OSError) -> str:
    """Why the operating system refuses a file."""
    return _REASONS.get(problem.errno or 0) or problem.strerror or str(problem)


def _check_kind(path: Path, facts: os.stat_result, error: type[UserError]) -> None:
    if stat.S_ISREG(facts.st_mode):
        return
    raise error(f"{path}: cannot be read: it is {_kind(facts.st_mode)}, not a regular file")


def _kind(mode: int) -> str:
    return next((name for test, name in _KINDS if test(mode)), "something else")
