"""Seeds: one for each purpose, so that what one part draws never shifts what another draws."""

from __future__ import annotations

import hashlib


def derive(seed: int, *purpose: object) -> int:
    """A 63-bit seed for a purpose, such as ``derive(0, "weights", "student", 0, 3)``.

    >>> derive(0, "weights") == derive(0, "weights")
    True
    >>> derive(0, "weights") == derive(0, "batches")
    False
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
