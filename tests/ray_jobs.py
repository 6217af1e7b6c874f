"""What jobs of Ray's tests do; importable, so that workers find it."""

from __future__ import annotations

import os
from pathlib import Path

from waiting import until


def granted(payload):
    """Say what Ray has given this job, and stay until the file ``until`` is there.

    Where there is a file ``notes``, beginning and end are noted there too: words of several jobs may arrive in another
    order than they were said in.
    """
    import ray

    _note(payload, "begins")
    yield ray.get_runtime_context().get_assigned_resources(), os.environ.get("CUDA_VISIBLE_DEVICES")
    if "until" in payload:
        until(Path(payload["until"]).exists, "that the test lets this job end")
    _note(payload, "ends")


def _note(payload, what):
    if "notes" in payload:
        with Path(payload["notes"]).open("a", encoding="utf-8") as file:
            file.write(f"{what}\n")
