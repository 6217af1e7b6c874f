"""Replaces what identifies a patient: ids by a keyed hash, dates by days; names and ids in texts are removed."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from xdistill.errors import UserError
from xdistill.untrusted import JSON, read_bytes

REMOVED = "…"
_KEY_BYTES = 32
_DIGITS = 12  # hexadecimal ones of a hash that are kept: two of 100,000 patients have the same in 1 of 50,000 cohorts
_OTHERS = 0o077  # permissions of users other than the owner
_SHORT = 2  # characters of a word that is searched for in texts
_DATES = re.compile(r"(?<!\d)(?:(?:19|20)\d\d([-./_]?)\d\d\1\d\d|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d)(?!\d)")


class Pseudonyms:
    """What stands for ids.

    Args:
        key: of the hash; None: ids are kept.
    """

    def __init__(self, key: bytes | None) -> None:
        self.key = key

    def of(self, kind: str, text: str) -> str:
        """What stands for an id: the first 12 digits of its HMAC-SHA-256 (RFC 2104).

        Args:
            kind: what it is an id of; the same text has another hash for each.
            text: the id.
        """
        if self.key is None:
            return text.replace("\0", " ").strip()
        return hmac.new(self.key, f"{kind}\0{text}".encode(), sha256).hexdigest()[:_DIGITS]


def load_key(file: Path) -> tuple[bytes, bool]:
    """The key of a file, which is made if it does not exist, readable by its owner alone.

    Returns:
        The key, and whether it was made.

    Raises:
        UserError: if the file cannot be used, or others may read it.
    """
    try:
        made = _make(file)
        content = read_bytes(file, JSON, error=UserError)
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        raise UserError(
            f"{file}: the key cannot be read or made ({error.strerror}); choose another with --key"
        ) from error
    if os.name == "posix" and mode & _OTHERS:
        raise UserError(f"{file}: other users may read this key (mode {mode:o}); run `chmod 600 {file}`")
    try:
        key = bytes.fromhex(content.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) < _KEY_BYTES:
        raise UserError(
            f"{file}: not a key, which is a line of {2 * _KEY_BYTES} hexadecimal digits; name another file with --key"
        )
    return key, made


def _make(file: Path) -> bool:
    if file.exists():
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was faster
        return False
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(_KEY_BYTES) + "\n")
    return True


def cleaned(text: str, identity: tuple[str, ...], *, dates: bool) -> str:
    """A text without a patient's names and ids, and without dates unless they are kept."""
    pattern = _pattern(identity)
    without = text if pattern is None else pattern.sub(REMOVED, text)
    return without if dates else _DATES.sub(REMOVED, without)


def names_patient(text: str, identity: Iterable[str]) -> bool:
    """Whether a patient's name or id occurs in a text."""
    pattern = _pattern(tuple(identity))
    return pattern is not None and pattern.search(text) is not None


@lru_cache(maxsize=4096)
def _pattern(identity: tuple[str, ...]) -> re.Pattern[str] | None:
    """Finds ids as a whole and the words of names; letters and digits next to them make another word."""
    words = {text for text in identity if len(text) >= _SHORT}
    words |= {word for text in identity for word in re.split(r"[\^=\\,\s]+", text) if len(word) >= _SHORT}
    if not words:
        return None
    found = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![^\W_])(?:{found})(?![^\W_])", re.IGNORECASE)
