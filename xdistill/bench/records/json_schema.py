"""The JSON Schemas of records, for programs that write or check them without xdistill."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from xdistill.bench.records.facts import BenchmarkRecord
from xdistill.runs.schema import RunRecord

KINDS: Final[dict[str, type[BaseModel]]] = {"record": BenchmarkRecord, "run": RunRecord}


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a ``record.json``.

    Args:
        kind: ``record`` for that of a benchmark's record, ``run`` for that of a run.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **KINDS[kind].model_json_schema(mode="validation"),
    }
