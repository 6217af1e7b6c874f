"""Writes a student as one file: verified, complete, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from xdistill.deployment.export import formats
from xdistill.deployment.export.graph import StudentGraph
from xdistill.deployment.export.metadata import as_text, describe
from xdistill.deployment.export.plan import InputPlan, plan_inputs
from xdistill.deployment.export.quantize import INT8_TOLERANCE, quantize
from xdistill.deployment.export.subjects import random_subjects, subjects_of
from xdistill.deployment.export.trace import traced
from xdistill.deployment.export.verify import TOLERANCE, Comparison, check, compare
from xdistill.errors import ModelError, UserError
from xdistill.models.ensemble import Ensemble
from xdistill.runs.checksums import CHECKSUMS

Format = Literal["onnx", "pt2"]


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: of the file.
        file_format: ``onnx`` or ``pt2``.
        precision: of the weights: ``float32`` or ``int8``.
        size: in bytes.
        inputs: of the file.
        columns: of its output.
        members: number of networks in it.
        comparisons: with PyTorch: on random inputs and, if a table was given, on its subjects.
    """

    path: Path
    file_format: Format
    precision: Literal["float32", "int8"]
    size: int
    inputs: tuple[InputPlan, ...]
    columns: tuple[str, ...]
    members: int
    comparisons: tuple[Comparison, ...]


def export_model(
    model: Ensemble,
    to: Path,
    *,
    file_format: str = "",
    int8: bool = False,
    check_on: Path | None = None,
) -> Exported:
    """Write a student as an ONNX file or a program of PyTorch, and compare what was written with the model.

    Args:
        model: the student. Nothing in its folder is run.
        to: the file. One that exists is replaced, once the new one has been verified.
        file_format: ``onnx`` or ``pt2``; empty: by the ending of ``to``.
        int8: matrix products with 8-bit integers, convolutions as they are; ONNX alone.
        check_on: table or folder of subjects, on whom the file is compared as well.

    Raises:
        UserError: for an invalid format, a library that is not installed, or a target that cannot be written.
        ModelError: if the student cannot be exported, or the file differs from PyTorch.
    """
    chosen = check_format(file_format, to)
    if int8 and chosen != "onnx":
        raise UserError("8-bit integers need ONNX; use `--format onnx`, or leave out `--int8`")
    _check_target(to, model)
    inputs = plan_inputs(model)
    precision: Literal["float32", "int8"] = "int8" if int8 else "float32"
    metadata = as_text(describe(model, inputs, file_format=chosen, precision=precision))
    graph = StudentGraph(model, inputs)
    names = list(graph.example(1))
    with _temporary(to) as temporary:
        program = traced(graph)
        if chosen == "onnx":
            formats.write_onnx(program, names, metadata, temporary)
            if int8:
                quantize(temporary)
            run = formats.onnx_runner(temporary)
        else:
            formats.write_program(program, metadata, temporary)
            run = formats.program_runner(temporary)
        comparisons = [compare(run, model, inputs, random_subjects(model), "random inputs")]
        if check_on is not None:
            comparisons.append(compare(run, model, inputs, subjects_of(model, check_on), f"the subjects of {check_on}"))
        for comparison in comparisons:
            check(comparison, INT8_TOLERANCE if int8 else TOLERANCE)
        size = temporary.stat().st_size
    columns = model.schema.task.columns
    return Exported(to, chosen, precision, size, inputs, columns, len(model.members), tuple(comparisons))


def check_format(file_format: str, to: Path) -> Format:
    """The format that is requested, or that the ending of the file says.

    Raises:
        UserError: for an unknown one.
    """
    valid: Sequence[Format] = get_args(Format)
    asked = file_format or to.suffix.removeprefix(".").lower()
    for known in valid:
        if asked == known:
            return known
    shown = ", ".join(f"`{known}`" for known in valid)
    if file_format:
        raise UserError(f"unknown format `{file_format}`. Valid formats: {shown}")
    raise UserError(f"{to}: cannot tell the format from the ending; set `--format`. Valid formats: {shown}")


def _check_target(to: Path, model: Ensemble) -> None:
    """Refuse a target that would be damaged by the file, or that cannot be written."""
    if to.exists() and not to.is_file():
        raise UserError(f"{to}: is not a file; name a file to write")
    folder = to.absolute().parent
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; create it, or choose another folder")
    if (folder / CHECKSUMS).is_file() or (model.path is not None and folder.samefile(model.path)):
        raise UserError(
            f"{folder}: is the folder of a model or a run, where nothing else may be written; choose another folder"
        )


@contextmanager
def _temporary(to: Path) -> Iterator[Path]:
    """A path to write to, moved to the target at the end; on an error nothing is left."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{to.name}.", suffix=".tmp", dir=to.absolute().parent))
    except OSError as error:
        raise ModelError(f"{to}: cannot be written: {error.strerror or error}") from error
    try:
        temporary = folder / f"student{to.suffix}"
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(to)
    except OSError as error:
        raise ModelError(f"{to}: cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
