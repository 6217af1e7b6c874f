"""A 64-bit checksum that runs at the speed of memory, so that every read of a cohort can be checked.

Fletcher-32, which HDF5 checks in its own filter, costs more than twice the time of the read itself; so does CRC-32.
This one is a multilinear hash (Carter and Wegman 1979; Lemire and Kaser, "Strongly universal string hashing is
fast", 2014): the 64-bit words of the data times fixed odd weights, summed modulo 2**64. Since odd weights have
inverses, a change within one word is always found; any other is missed with a probability near 2**-64.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BLOCK = 2048  # words; the weights of one block stay in the first level of the processor's cache
_WORD = 8


def checksum(values: NDArray[np.generic]) -> int:
    """The checksum of a C-contiguous array's bytes.

    The bytes, padded with zeros to whole words, are read as little-endian words x and cut into blocks of `BLOCK`
    words. With ``w(k) = splitmix64(k) | 1`` the checksum is
    ``sum over blocks b of w(BLOCK + b) * (sum over j of w(j) * x[b, j])`` modulo 2**64.
    """
    data = values.reshape(-1).view(np.uint8)
    whole = data.size // (BLOCK * _WORD)
    cut = whole * BLOCK * _WORD
    inner = _weights(0, BLOCK)
    outer = _weights(BLOCK, whole + 1)
    blocks = data[:cut].view("<u8").reshape(whole, BLOCK)
    total = int(blocks.dot(inner).dot(outer[:whole])) if whole else 0
    rest = data[cut:]
    if rest.size:
        words = np.zeros(-(-rest.size // _WORD), dtype="<u8")
        words.view(np.uint8)[: rest.size] = rest
        total += int(words.dot(inner[: words.size])) * int(outer[whole])
    return total % 2**64


@lru_cache(maxsize=64)
def _weights(first: int, count: int) -> NDArray[np.uint64]:
    """``splitmix64(k) | 1`` for k from ``first``, the generator of Steele, Lea and Flood (2014)."""
    with np.errstate(over="ignore"):
        state = (np.arange(first, first + count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        weights: NDArray[np.uint64] = (state ^ (state >> np.uint64(31))) | np.uint64(1)
    weights.setflags(write=False)
    return weights
