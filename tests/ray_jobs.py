"""What jobs of Ray's tests do; importable, so that workers find it."""

from __future__ import annotations

import os
import time
from pathlib import Path


def granted(payload):
    """Say what Ray has given this job, and stay until the file ``until`` is there."""
    import ray

    yield ray.get_runtime_context().get_assigned_resources(), os.environ.get("CUDA_VISIBLE_DEVICES")
    deadline = time.monotonic() + 60
    while "until" in payload and not Path(payload["until"]).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
