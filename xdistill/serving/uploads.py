"""From the body of a request to files in a temporary folder. Nothing is decoded here but the form itself."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from xdistill.serving.decoding.job import ARRAYS, Upload, UploadedFile
from xdistill.serving.fields import DICOM, Fields
from xdistill.serving.limits import TEXT_BYTES, Limits
from xdistill.serving.refusal import RefusedError

_DIGITS = 9  # of a bound of a box


async def receive(request: Request, folder: Path, fields: Fields, limits: Limits) -> Upload:
    """Receive the body of a request.

    Args:
        request: whose body is counted already.
        folder: a temporary one.
        fields: that the request may have.
        limits: of a request.

    Raises:
        RefusedError: if it is not a form with known fields, or JSON, or takes too long to arrive.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"multipart/form-data", "application/json"}:
        raise RefusedError(
            "the body is neither a form (multipart/form-data) nor JSON (application/json)",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    try:
        async with asyncio.timeout(limits.seconds):
            if kind == "application/json":
                return await _json(request, folder)
            async with _form(request, fields) as form:
                return await _stored(form, folder, fields)
    except TimeoutError:
        raise RefusedError(f"the body did not arrive within {limits.seconds:g} s", HTTPStatus.REQUEST_TIMEOUT) from None


async def _json(request: Request, folder: Path) -> Upload:
    with (folder / ARRAYS).open("wb") as file:
        async for block in request.stream():
            file.write(block)
    return Upload(folder, arrays=True)


class _Parser(MultiPartParser):
    """Knows whether the form has ended."""

    ended = False

    def on_end(self) -> None:
        self.ended = True


@asynccontextmanager
async def _form(request: Request, fields: Fields) -> AsyncIterator[FormData]:
    """The form, whose files are closed at the end."""

    async def whole() -> AsyncGenerator[bytes, None]:
        async for block in request.stream():
            yield block
        if not parser.ended:  # raised here, so that the parser closes the file that was cut
            raise MultiPartException("it is incomplete")

    most = len(fields.files) + len(fields.texts) + 1
    parser = _Parser(request.headers, whole(), max_files=most, max_fields=most, max_part_size=TEXT_BYTES)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RefusedError(f"the form cannot be read: {error.message}", HTTPStatus.BAD_REQUEST) from None
    try:
        yield form
    finally:
        await form.close()


async def _stored(form: FormData, folder: Path, fields: Fields) -> Upload:
    row: dict[str, str] = {}
    files: list[UploadedFile] = []
    fields.check(form, [*fields.files, *(name for name in fields.texts if name not in fields.files)])
    for number, (name, value) in enumerate(form.multi_items()):
        column = fields.files.get(name) or fields.texts[name]
        if column in row:
            raise RefusedError(f"the field `{name}` is given twice")
        if isinstance(value, UploadFile):
            file = _named(name, number, value.filename or "", fields)
            await asyncio.to_thread(_copied, value.file, folder / file.stored)
            files.append(file)
            row[column] = file.target
        else:
            row[column] = _text(name, value, fields)
    if not row:
        raise RefusedError("the form has no fields")
    return Upload(folder, row, tuple(files))


def _named(name: str, number: int, filename: str, fields: Fields) -> UploadedFile:
    if name not in fields.files:
        raise RefusedError(f"`{name}` is a value, not a file")
    suffix = fields.suffix(name, filename)
    unpacked = ".nii" if suffix == DICOM or (suffix == ".nii.gz" and ".nii" in fields.suffixes) else suffix
    return UploadedFile(name, f"{number}-upload{suffix}", f"{number}{unpacked}")


def _text(name: str, value: str, fields: Fields) -> str:
    """The text of a field; never the name of a file."""
    if name not in fields.texts:
        raise RefusedError(f"`{name}` is a file; the request has a value")
    if name in fields.numbers and not (value.isascii() and value.isdecimal() and len(value) <= _DIGITS):
        raise RefusedError(f"`{name}` is a file or a whole number")
    return value.strip()


def _copied(source: BinaryIO, target: Path) -> None:
    with target.open("wb") as file:
        shutil.copyfileobj(source, file)
