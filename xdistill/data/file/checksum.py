"""A 64-bit checksum that runs nearly at memory speed, so that every read of a cohort can be checked.

It is part of the file format; xxhash would do the same, but could not read existing cohort files.

Fletcher-32, which HDF5 checks in its own filter, takes more than twice the time of the read itself, and CRC-32 as
long as the read. This one is a multilinear hash (Carter and Wegman 1979; Lemire and Kaser, "Strongly universal string
hashing is fast", 2014): the 64-bit words of the data, their high bits folded into the low ones, times fixed odd
weights, summed modulo 2**64. Folding is invertible and odd weights have inverses, so a change within one word is
always found. Damage to several words is missed about once in 2**29 cases if it is confined to the highest bits of
each, and far less often otherwise; `xdistill data verify` also compares SHA-256.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BLOCK = 2048  # words; the weights of one block stay in the processor's first-level cache
PIECE = 64 * BLOCK * 8  # bytes; a piece summed right after it was read is still in the processor's cache
_WORD = 8
_FOLD = np.uint64(29)


def checksum(values: NDArray[np.generic]) -> int:
    """The checksum of a C-contiguous array's bytes.

    The bytes, padded with zeros to whole words, are read as little-endian words x and cut into blocks of `BLOCK`
    words. With ``y = x ^ (x >> 29)`` and ``w(k) = splitmix64(k) | 1`` the checksum is
    ``sum over blocks b of w(BLOCK + b) * (sum over j of w(j) * y[b, j])`` modulo 2**64.
    """
    data = values.reshape(-1).view(np.uint8)
    return sum(piece_checksum(data[piece], piece.start) for piece in pieces(data.size)) % 2**64


def pieces(size: int) -> Iterator[slice]:
    """Slices of ``size`` bytes that can be summed one after another."""
    for start in range(0, size, PIECE):
        yield slice(start, min(start + PIECE, size))


def piece_checksum(data: NDArray[np.uint8], start: int) -> int:
    """The contribution of a piece that begins at byte ``start``; the checksum is the sum of all modulo 2**64."""
    whole = data.size // (BLOCK * _WORD)
    cut = whole * BLOCK * _WORD
    first = BLOCK + start // (BLOCK * _WORD)
    inner = _weights(0, BLOCK)
    total = 0
    if whole:
        folded = _folded(data[:cut].view("<u8")).reshape(whole, BLOCK)
        # einsum multiplies integers in vector registers, which `dot` does not.
        total = int(np.einsum("ij,j->i", folded, inner).dot(_weights(first, whole)))
    if cut < data.size:
        rest = np.zeros(-(-(data.size - cut) // _WORD), dtype="<u8")
        rest.view(np.uint8)[: data.size - cut] = data[cut:]
        total += int(_folded(rest).dot(inner[: rest.size])) * int(_weights(first + whole, 1)[0])
    return total


def _folded(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    folded: NDArray[np.uint64] = words >> _FOLD
    folded ^= words
    return folded


@lru_cache(maxsize=4096)
def _weights(first: int, count: int) -> NDArray[np.uint64]:
    """``splitmix64(k) | 1`` for k from ``first``, the generator of Steele, Lea and Flood (2014)."""
    with np.errstate(over="ignore"):
        state = (np.arange(first, first + count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        weights: NDArray[np.uint64] = (state ^ (state >> np.uint64(31))) | np.uint64(1)
    weights.setflags(write=False)
    return weights
