"""The model as a service: a bounded queue, processes that read files, and one thread that computes."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray

from xdistill.errors import UserError
from xdistill.models.inputs import TrainingInputs
from xdistill.models.model import StudentModel
from xdistill.models.stream import LEVEL, Reading, Values, predict_batch
from xdistill.models.subject import NewSubject, Predicted
from xdistill.models.tables import subject_of_row
from xdistill.serving.decoding.decoder import Decoder
from xdistill.serving.decoding.job import Job, Upload
from xdistill.serving.explanation import limited, methods_of, saliency_map
from xdistill.serving.fields import Fields
from xdistill.serving.limits import EXPLAINED_BYTES, RETRY_AFTER, Limits
from xdistill.serving.refusal import RefusedError

if TYPE_CHECKING:
    from xdistill.distributed.device import Device

Result = TypeVar("Result")


class Service:
    """Predicts for one request at a time; meanwhile the files of the next are read.

    Args:
        model: that predicts.
        limits: of requests.
        device: see `xdistill.models.StudentModel.predict_proba`.
        level: coverage of the prediction sets, unless a request asks for another.
        readers: processes that read files.

    Raises:
        UserError: for a level that is not between 0 and 1.
    """

    def __init__(
        self, model: StudentModel, limits: Limits, *, device: str = "auto", level: float = LEVEL, readers: int = 1
    ) -> None:
        if not 0 < level < 1:
            raise UserError(f"`level` must be between 0 and 1, got {level}")
        self.model = model
        self.limits = limits
        self.level = level
        self.fields = Fields.of(model)
        self.methods = methods_of(model)
        self.waiting = 0
        self._device = device
        self._known = TrainingInputs.of(model.training)
        self._stack = ExitStack()
        self._computing: Device | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._read = ThreadPoolExecutor(readers, thread_name_prefix="reader")
        self._decoders: queue.SimpleQueue[Decoder] = queue.SimpleQueue()
        self._all = [Decoder(Reading.of(model), self.fields, limits) for _ in range(readers)]

    def start(self) -> None:
        """Start the processes, and move the networks to the device; `close` undoes it.

        Raises:
            XdistillError: if the machine does not have the device, or a process does not start.
        """
        try:
            # In the thread that predicts: some of torch's settings are those of a thread.
            networks = self._thread.submit(self._stack.enter_context, self.model.on_device(self._device))
            list(self._read.map(Decoder.start, self._all))
            self._computing = networks.result()
        except BaseException:
            self.close()
            raise
        for decoder in self._all:
            self._decoders.put(decoder)

    def close(self) -> None:
        """End the processes and threads."""
        self._read.shutdown(cancel_futures=True)
        self._thread.submit(self._stack.close).result()
        self._thread.shutdown()
        for decoder in self._all:
            decoder.close()

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """While it is entered, a request counts as one in the queue.

        Raises:
            RefusedError: if the queue is full.
        """
        if self.waiting >= self.limits.queue:
            raise RefusedError(
                f"{self.waiting} requests are being processed; try again later",
                HTTPStatus.SERVICE_UNAVAILABLE,
                retry_after=RETRY_AFTER,
            )
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    async def predict(self, upload: Upload, level: float | None = None) -> Predicted:
        """The prediction for one request.

        Raises:
            RefusedError: if its files cannot be read, or are not those of the model.
        """
        subject = self._subject(upload)
        arrays = await self._decoded(Job(upload, subject))
        return await self._computed(self._predicted, arrays, self.level if level is None else level)

    async def explain(self, upload: Upload, modality: str, method: str) -> bytes:
        """The saliency map of one image as a NIfTI file.

        Raises:
            RefusedError: as `predict`, and if there is no such map.
        """
        subject = self._subject(upload)
        if subject is None:
            raise RefusedError("explanations need files")
        await self._decoded(Job(upload, subject))
        if sum((upload.folder / file.target).stat().st_size for file in upload.files) > EXPLAINED_BYTES:
            raise RefusedError("the files are too large for explanations", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return await self._computed(self._explained, subject, modality, method)

    async def unpack(self, upload: Upload) -> None:
        """Unpack the files of a request in its folder."""
        await self._decoded(Job(upload, None, unpack_only=True))

    def _subject(self, upload: Upload) -> NewSubject | None:
        if upload.arrays:
            return None
        try:
            return subject_of_row(self.model, "1", upload.row, upload.folder, "the request")
        except UserError as error:
            raise RefusedError(str(error)) from None

    async def _decoded(self, job: Job) -> dict[str, NDArray[Any] | None]:
        return await asyncio.get_running_loop().run_in_executor(self._read, self._decode, job)

    def _decode(self, job: Job) -> dict[str, NDArray[Any] | None]:
        decoder = self._decoders.get()  # there is one for each thread
        try:
            return decoder.read(job)
        finally:
            self._decoders.put(decoder)

    async def _computed(self, function: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*arguments))

    def _explained(self, subject: NewSubject, modality: str, method: str) -> bytes:
        # Explanations move the networks to the device themselves, and back.
        self._stack.close()
        try:
            with limited(self.model, self.limits.explain_seconds):
                return saliency_map(self.model, subject, modality, method, self._device)
        finally:
            self._computing = self._stack.enter_context(self.model.on_device(self._device))

    def _predicted(self, arrays: Mapping[str, NDArray[Any] | None], level: float) -> Predicted:
        subject = NewSubject("1", {}, {}, "the request", {})
        assert self._computing is not None  # noqa: S101 - `start` has been called
        values = Values.of(self.model.schema, arrays)
        return next(predict_batch(self.model, self._computing, [subject], [values], level, known=self._known))
