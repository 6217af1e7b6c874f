"""Which fields a request may have, for one model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xdistill.models.model import StudentModel
from xdistill.serving.refusal import RefusedError
from xdistill.suggest import did_you_mean

DICOM = ".zip"
SHOWN = 100  # characters of an unknown name


@dataclass(frozen=True)
class Fields:
    """The fields of a request.

    Attributes:
        modalities: that the student reads.
        optional: modalities that may be left out.
        privileged: modalities that only the teacher saw.
        files: fields that are files, with their columns: image modalities, and masks to crop them by.
        texts: fields that are text, with their columns: items of vectors, texts, and bounds of boxes.
        numbers: fields among the texts that are whole numbers.
        suffixes: endings of files.
    """

    modalities: tuple[str, ...]
    optional: tuple[str, ...]
    privileged: tuple[str, ...]
    files: Mapping[str, str]
    texts: Mapping[str, str]
    numbers: frozenset[str]
    suffixes: tuple[str, ...]

    @classmethod
    def of(cls, model: StudentModel) -> Fields:
        """Those of a model."""
        files: dict[str, str] = {}
        texts: dict[str, str] = {}
        numbers: set[str] = set()
        reader = model.reader
        suffixes = tuple(reader.suffixes) if reader is not None else ()
        for name, spec in model.schema.modalities.items():
            if reader is not None and name in reader.columns:
                (files if suffixes else texts)[name] = reader.columns[name]
                for column in reader.further_columns(name):
                    files[column] = texts[column] = column
                    numbers.add(column)
            else:
                texts.update({column.name: column.name for column in spec.columns})
        # A DICOM series becomes a NIfTI file.
        endings = (*suffixes, DICOM) if ".nii" in suffixes else suffixes
        return cls(
            tuple(model.inputs),
            tuple(model.config.optional),
            tuple(model.config.privileged),
            files,
            texts,
            frozenset(numbers),
            endings,
        )

    def check(self, given: Iterable[str], known: Iterable[str]) -> None:
        """Check the names of a request's fields.

        Raises:
            RefusedError: for a privileged or unknown one.
        """
        known = list(known)
        for name in given:
            if name in self.privileged and name not in known:
                raise RefusedError(f"`{name}` is the privileged modality, which the student never uses; leave it out")
            if name not in known:
                shown = name if len(name) <= SHOWN and name.isprintable() else "…"
                raise RefusedError(f"unknown field `{shown}`{did_you_mean(shown, known, 'fields')}")

    def suffix(self, field: str, filename: str) -> str:
        """The ending of a file's name, which is all that is used of it.

        Raises:
            RefusedError: for an ending that the model's reader does not know.
        """
        name = filename.lower()
        found = max((end for end in self.suffixes if name.endswith(end)), key=len, default="")
        if not found:
            raise RefusedError(
                f"the file of `{field}` has an unknown ending; files end in {', '.join(self.suffixes)}",
                415,
            )
        return found
