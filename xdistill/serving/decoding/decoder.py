"""The process that reads uploaded files, from the side of the server: started, watched, and replaced if it dies."""

from __future__ import annotations

import json
from contextlib import suppress
from http import HTTPStatus
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import WorkerDiedError
from xdistill.models.stream import Reading
from xdistill.serving.decoding.job import Job
from xdistill.serving.decoding.process import READY, decode_forever
from xdistill.serving.fields import Fields
from xdistill.serving.limits import Limits
from xdistill.serving.refusal import RefusedError

START_SECONDS = 120.0  # for imports, on a busy machine


class Decoder:
    """One process that reads the files of one request at a time.

    Args:
        reading: of the model.
        fields: of requests.
        limits: of a request.
    """

    def __init__(self, reading: Reading, fields: Fields, limits: Limits) -> None:
        self._arguments = (reading, fields, limits)
        self._seconds = limits.seconds
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None

    def start(self) -> None:
        """Start the process, unless it runs.

        Raises:
            WorkerDiedError: if it does not start.
        """
        if self._process is not None and self._process.is_alive():
            return
        self.close()
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        process = context.Process(target=decode_forever, args=(theirs, *self._arguments), daemon=True)
        with theirs:
            process.start()
        self._process = process
        if self._received(START_SECONDS) != READY:
            self.close()
            raise WorkerDiedError("the process that reads files did not start; see the messages above")

    def read(self, job: Job) -> dict[str, NDArray[Any] | None]:
        """The values of each modality; None for one that is missing.

        Raises:
            RefusedError: if they cannot be read within the limits.
        """
        self.start()
        assert self._connection is not None  # noqa: S101 - it has been started
        with suppress(OSError):  # it has died, which `_received` notices
            self._connection.send(job)
        answer = self._received(self._seconds)
        if answer is None:
            died = self._process is not None and not self._process.is_alive()
            self.close()
            why = "made the process that reads them crash" if died else f"took longer than {self._seconds:g} s to read"
            raise RefusedError(f"the files {why}; they are damaged or too large")
        return _arrays(json.loads(answer), job.upload.folder)

    def close(self) -> None:
        """End the process."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        self._process = self._connection = None

    def _received(self, seconds: float) -> bytes | None:
        """A message; None if none came in time, or the process has died."""
        assert self._connection is not None  # noqa: S101 - it has been started
        try:
            return self._connection.recv_bytes() if self._connection.poll(seconds) else None
        except (EOFError, OSError):
            if self._process is not None:
                self._process.join(1)
            return None


def _arrays(answer: dict[str, Any], folder: Path) -> dict[str, NDArray[Any] | None]:
    if "error" in answer:
        raise RefusedError(str(answer["error"]), answer.get("status", HTTPStatus.UNPROCESSABLE_ENTITY))
    return {
        name: None if file is None else np.load(folder / Path(file).name, allow_pickle=False)
        for name, file in answer["arrays"].items()
    }
