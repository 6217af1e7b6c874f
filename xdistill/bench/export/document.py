"""JSON: everything that the standings hold, for programs. The keys are the attributes' names."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from typing import Any, Final

from xdistill.bench.standings import Standings

FORMAT: Final = "xdistill-standings"
FORMAT_VERSION: Final = 1


def write(standings: Standings) -> str:
    """A document whose first two keys say its format; nothing in it is NaN or infinite."""
    document = {"format": FORMAT, "format_version": FORMAT_VERSION, **plain(standings)}
    if not standings.units:  # documents of metrics without unit keep their bytes
        del document["units"]
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Dataclasses as objects, sets as sorted lists, and numbers that JSON does not have as null."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, AbstractSet):
        return sorted(plain(part) for part in value)
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
