"""What `record.json` has to hold; further keys are allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xdistill.recipe.wording import worded

_Count = Annotated[int, Field(ge=0)]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class _Cohort(_Facts):
    fingerprint: str
    title: str
    synthetic: bool
    subjects: _Count
    patients: _Count
    class_counts: dict[str, int] = {}
    bounds: dict[str, float]


class _Network(_Facts):
    inputs: tuple[str, ...]
    parameters: _Count


class _Seconds(_Facts):
    folds: Annotated[dict[str, float], Field(min_length=1)]


class _Record(_Facts):
    entry: str
    seed: int
    run: str
    status: str
    subjects: Literal["ranks", "ids"]
    predictions_sha256: str
    splits_sha256: str
    scores: dict[str, dict[str, dict[str, float]]]
    cohort: _Cohort
    split_hash: str
    networks: dict[Literal["student", "teacher"], _Network]
    versions: dict[str, str]
    machine: dict[str, Any]
    seconds: _Seconds
    recipe: dict[str, Any]


def malformed(facts: Mapping[str, Any]) -> str:
    """The first thing in a record that cannot be; empty when all is well."""
    try:
        _Record.model_validate_json(json.dumps(facts))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {worded(first)}"
    return ""
