"""Cores of workers that have nothing left to do, lent to those that still compute."""

from __future__ import annotations

_lent = [0]


def lent_cores() -> int:
    """How many cores this process may use beside its own threads; no other worker of its driver does."""
    return _lent[0]


def set_lent_cores(count: int) -> None:
    """Remember what the driver says."""
    _lent[0] = count
