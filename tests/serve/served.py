"""A tiny model, a patient's files, and the server as users run it: on a real port."""

from __future__ import annotations

import gzip
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from tiny import loaded
from waiting import LONG
from xdistill.deployment.fit import fit
from xdistill.models import StudentModel, load_model
from xdistill.models.save import save_model
from xdistill.plugin import load_catalog
from xdistill.serving.limits import Limits
from xdistill.serving.run import address, bound, make_server, names_of
from xdistill.serving.service import Service

SHAPE = (8, 16, 16)  # depth, height, width
LIMITS = Limits(upload_mb=2, unpacked_mb=4, seconds=60, queue=16, archive_files=50)
CARD = (
    "---\nlicense: mit\n---\n# Tiny\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    "<script>alert(1)</script>\n\n[x](javascript:alert(1))\n"
)


def fitted(folder: Path, card: str = CARD) -> StudentModel:
    """A model folder with a calibrated model."""
    events = fit(loaded(), load_catalog(), to=folder / "model", runs=folder / "runs", cache=folder / "cache")
    assert list(events)
    model = load_model(folder / "model")
    save_model(model, folder / "model", card=card)
    return load_model(folder / "model")


def volume(seed: int, shape: tuple[int, ...] = SHAPE[::-1], dtype: Any = np.float32) -> np.ndarray:
    """Values of an image along x, y and z."""
    values = np.random.default_rng(seed).normal(0, 100, shape)
    return values.round().astype(dtype)


def nifti(values: np.ndarray, affine: np.ndarray | None = None) -> bytes:
    """An uncompressed NIfTI file."""
    image = nibabel.Nifti1Image(values, np.diag([2.0, 2.0, 3.0, 1.0]) if affine is None else affine)
    return image.to_bytes()


def nifti_gz(values: np.ndarray, affine: np.ndarray | None = None) -> bytes:
    """A compressed NIfTI file."""
    return gzip.compress(nifti(values, affine), mtime=0)


@contextmanager
def serving(model: StudentModel, limits: Limits = LIMITS, **options: Any) -> Iterator[tuple[str, Service]]:
    """The address of a server that runs meanwhile, and its service."""
    service = Service(model, limits, **options)
    service.start()
    listener = bound("127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = make_server(service, names_of("127.0.0.1"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    until = time.monotonic() + LONG
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < until, "the server did not start in time"
        time.sleep(0.02)
    try:
        yield address("127.0.0.1", port), service
    finally:
        server.should_exit = True
        thread.join(LONG)
        service.close()
        listener.close()


class Kept(logging.Handler):
    """Everything that was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
