"""What ``record.json`` of a run has to hold; further keys are allowed, because later versions may add some."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from xdistill.errors import RunError
from xdistill.runs.consistency import inputs_problem
from xdistill.runs.files import read_json
from xdistill.tasks import read_task

FORMAT = "xdistill-run"
FORMAT_VERSION = 1

_Count = Annotated[int, Field(ge=0)]
_Id = Annotated[str, Field(pattern=r"^[\w.-]{0,64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="allow")


class _Recipe(_Part):
    name: str
    description: str = ""
    control: str | None = None
    metrics: list[dict[str, Any]] | None = None
    tune: dict[str, Any] | None = None


class _Modality(_Part):
    kind: str
    shape: list[int]


class _Cohort(_Part):
    fingerprint: str = ""
    title: str = ""
    source: str = ""
    synthetic: bool = False
    bounds: dict[str, float] = {}
    subjects: _Count = 0
    patients: _Count = 0
    class_counts: dict[str, int] = {}
    unlabelled: _Count = 0
    modalities: dict[str, _Modality] = {}

    @model_validator(mode="after")
    def _has_task(self) -> _Cohort:
        try:
            problem = read_task(self.model_extra or {}).problem()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"{type(error).__name__}: {error}"
        if problem:
            raise PydanticCustomError("task", "no valid task: {problem}", {"problem": problem})
        return self


class _Network(_Part):
    inputs: list[str]
    parameters: _Count


class _Seconds(_Part):
    folds: dict[str, float]
    training: float
    at_once: dict[str, int] = {}
    reused: list[str] = []


class _Missing(_Part):
    use: str
    complete: _Count
    tested: _Count
    tested_by_teacher: _Count


class _Control(_Part):
    use: str
    of: str


class _Tuned(_Part):
    folds: dict[str, dict[str, Any]]


class _Summary(_Part):
    mean: float
    sd: float
    folds: list[float]


class RunRecord(_Part):
    """A run's record; see docs/formats/run.md."""

    status: str
    recipe: _Recipe
    cohort: _Cohort
    id: _Id = ""
    profile: str | None = None
    networks: dict[str, _Network | None] = {}
    privileged: list[str] = []
    missing: _Missing | None = None
    tuned: _Tuned | None = None
    control: _Control | None = None
    student: dict[str, Any] | None = None
    split_hash: str = ""
    versions: dict[str, str] = {}
    machine: dict[str, Any] = {}
    created: str = ""
    finished: str | None = None
    seconds: _Seconds | None = None
    summary: dict[str, dict[str, _Summary]] = {}
    checksums: str = ""

    @model_validator(mode="after")
    def _agrees(self) -> RunRecord:
        networks = {role: network.inputs for role, network in self.networks.items() if network is not None}
        recipe = {"privileged": None, **self.recipe.model_dump()}
        problem = inputs_problem(recipe, networks, self.privileged, tuple(self.cohort.modalities))
        if not problem and self.student is not None and self.student.get("versions", self.versions) != self.versions:
            problem = "`versions` and those of the student differ"
        if problem:
            raise PydanticCustomError("inputs", "{problem}", {"problem": problem})
        return self


def read_record(path: Path) -> dict[str, Any]:
    """The record of a run, finished or not.

    Args:
        path: of ``record.json``.

    Raises:
        RunError: for a file that is not a record, of another format version, or in which a value is not valid.
    """
    record = read_json(path)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RunError(f"{path}: not the record of a run")
    if record.get("format_version") != FORMAT_VERSION:
        raise RunError(
            f"{path}: format version {record.get('format_version')}; this version of xdistill reads version "
            f"{FORMAT_VERSION}. Use the version of xdistill that wrote it (see its `versions`), or run the recipe again"
        )
    try:
        RunRecord.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise RunError(f"{path}: not a valid record: {f'`{place}`: ' if place else ''}{first['msg']}") from None
    return record
