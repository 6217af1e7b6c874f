"""What one request uploaded, and what is read of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from xdistill.models.subject import NewSubject

ARRAYS = "arrays.json"


@dataclass(frozen=True)
class UploadedFile:
    """One file of a request.

    Attributes:
        field: of the form.
        stored: name in the folder; no part of the client's name but its ending.
        target: name of what the model's reader reads: ``stored``, or what is unpacked from it.
    """

    field: str
    stored: str
    target: str


@dataclass(frozen=True)
class Upload:
    """A request in a folder.

    Attributes:
        folder: a temporary one.
        row: by column of a table of subjects: names of files, and text.
        files: of a form.
        arrays: whether `ARRAYS` is there instead of files.
    """

    folder: Path
    row: dict[str, str] = field(default_factory=dict)
    files: tuple[UploadedFile, ...] = ()
    arrays: bool = False


@dataclass(frozen=True)
class Job:
    """What is read for one request.

    Attributes:
        upload: the files.
        subject: the subject that they make; None for arrays.
        unpack_only: whether the values are not needed.
    """

    upload: Upload
    subject: NewSubject | None
    unpack_only: bool = False
