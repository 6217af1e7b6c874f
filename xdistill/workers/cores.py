"""How many processor cores there are to compute with."""

from __future__ import annotations

import os


def cores() -> int:
    """Processor cores that this process may use; fewer than the machine has where its affinity is restricted."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
