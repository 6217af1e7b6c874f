"""What the jobs of the executors' suite do; importable, so that workers find it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any


def count(payload: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Say the numbers below ``numbers``, with the job's own ``mark``."""
    for number in range(payload["numbers"]):
        yield payload["mark"], number


def process(payload: Mapping[str, Any]) -> Iterator[int]:
    """Say which process this is, and rest for ``seconds``."""
    yield os.getpid()
    time.sleep(payload["seconds"])


def threads(payload: Mapping[str, Any]) -> Iterator[str]:
    """Say how many threads the numeric libraries may use."""
    del payload
    yield os.environ.get("OMP_NUM_THREADS", "")


def fail(payload: Mapping[str, Any]) -> Iterator[str]:
    """Say a word, and fail where the payload says so."""
    yield "begun"
    if payload["fails"]:
        raise ValueError("the third volume is upside down")


def die(payload: Mapping[str, Any]) -> Iterator[str]:
    """Say a word and be killed where the payload says so, as happens when memory runs out; never the driver itself."""
    yield "begun"
    if payload["dies"]:
        if os.getpid() == payload["driver"]:
            raise RuntimeError("the job runs in the driver's own process, which a job's death would end")
        os.kill(os.getpid(), signal.SIGKILL)
