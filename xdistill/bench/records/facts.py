"""What `record.json` has to hold, and whether it contradicts itself; further keys are allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xdistill.recipe.wording import worded
from xdistill.runs.consistency import inputs_problem

_Count = Annotated[int, Field(ge=0)]
_Sum = Annotated[str, Field(pattern=r"^[0-9a-f]*$", max_length=64)]
_Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f/\\]{0,200}$")]
_Id = Annotated[str, Field(pattern=r"^[\w-][\w.-]{0,63}$")]
_Version = Annotated[str, Field(pattern=r"^[\w.+!~*-]{1,80}$")]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class _Modality(_Facts):
    kind: str
    shape: tuple[_Count, ...]


class _Cohort(_Facts):
    fingerprint: _Sum
    title: str
    synthetic: bool
    subjects: _Count
    patients: _Count
    class_counts: dict[str, int] = {}
    bounds: dict[str, float]
    modalities: dict[str, _Modality] = {}


class _Network(_Facts):
    inputs: tuple[str, ...]
    parameters: _Count


class _Seconds(_Facts):
    folds: Annotated[dict[str, float], Field(min_length=1)]


class _Tuned(_Facts):
    folds: dict[str, dict[str, Any]]


class BenchmarkRecord(_Facts):
    """A benchmark's record; see docs/formats/record.md."""

    entry: _Name
    seed: int
    run: _Id
    status: str
    subjects: Literal["ranks", "ids"]
    predictions_sha256: _Sum
    splits_sha256: _Sum
    scores: dict[str, dict[str, dict[str, float]]]
    cohort: _Cohort
    split_hash: _Sum
    networks: dict[Literal["student", "teacher"], _Network]
    privileged: tuple[str, ...] = ()
    versions: dict[str, _Version]
    machine: dict[str, Any]
    seconds: _Seconds
    created: str = ""
    finished: str | None = None
    profile: str | None = ""
    recipe: dict[str, Any]
    tuned: _Tuned | None = None
    sha256: _Sum = ""


def sum_of(facts: Mapping[str, Any]) -> str:
    """SHA-256 of all that a record says but for this sum: as JSON with sorted keys and no white space."""
    said = {name: value for name, value in facts.items() if name != "sha256"}
    return sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def malformed(facts: Mapping[str, Any]) -> str:
    """The first thing in a record that cannot be; empty when all is well."""
    try:
        record = BenchmarkRecord.model_validate_json(json.dumps(facts))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {worded(first)}"
    return _contradiction(record)


def _contradiction(record: BenchmarkRecord) -> str:
    missing = [name for name in ("python", "torch", "xdistill") if name not in record.versions]
    if missing:
        return f"versions: {missing[0]} is missing"
    networks = {str(role): network.inputs for role, network in record.networks.items()}
    problem = inputs_problem(record.recipe, networks, record.privileged, tuple(record.cohort.modalities))
    if problem:
        return f"networks: {problem}"
    stated = record.recipe["data"].get("synthetic") if isinstance(record.recipe.get("data"), dict) else None
    if isinstance(stated, bool) and stated != record.cohort.synthetic:
        return f"cohort.synthetic: is {record.cohort.synthetic}, but `data.synthetic` of the recipe is {stated}"
    return ""
