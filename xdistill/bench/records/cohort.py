"""Whether the records of a benchmark are of one cohort, that of the benchmark, and files as records are."""

from __future__ import annotations

import json
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from xdistill.errors import XdistillError

if TYPE_CHECKING:
    from xdistill.bench.load import Benchmark
    from xdistill.bench.records.record import Record

SHARED: Final = ("title", "synthetic", "source", "bounds", "subjects", "patients", "classes", "modalities")


def irregular(folder: Path) -> list[str]:
    """Everything in a folder of records that is neither a regular file nor a folder: links, pipes, devices."""
    inside = [path for place in _entries(folder) for path in (place, *(_entries(place) if _is_folder(place) else ()))]
    return [
        f"{path}: is neither a regular file nor a folder; records hold no links, pipes or devices"
        for path in inside
        if not (stat.S_ISREG(path.lstat().st_mode) or _is_folder(path))
    ]


def cohort_problems(benchmark: Benchmark, records: Sequence[Record]) -> Iterator[str]:
    """What a record says of the cohort otherwise than the others do, or than the data set of the benchmark does."""
    own = _facts_of_dataset(benchmark)
    for name in SHARED:
        said = [(record, record.facts["cohort"][name]) for record in records if name in record.facts["cohort"]]
        counts = Counter(json.dumps(value, sort_keys=True) for _, value in said)
        usual = json.dumps(own[name], sort_keys=True) if name in own else next(iter(counts.most_common(1)), ("",))[0]
        for record, value in said:
            if json.dumps(value, sort_keys=True) != usual:
                whom = "the data set of the benchmark says" if name in own else "other records say"
                yield (
                    f"entry {record.entry!r}, seed {record.seed}: `cohort.{name}` is {_short(json.dumps(value))}, but "
                    f"{whom} {_short(usual)}"
                )


def _facts_of_dataset(benchmark: Benchmark) -> dict[str, Any]:
    """What the data set itself says, where that is known without its files."""
    from xdistill.interfaces.component import choose
    from xdistill.interfaces.dataset import Dataset
    from xdistill.plugin import load_catalog
    from xdistill.recipe.yaml.nodes import to_plain

    with suppress(XdistillError, OSError, ValueError, KeyError, TypeError):
        dataset = choose(
            Dataset, to_plain(benchmark.root.entries["data"].value), load_catalog(kinds=("dataset", "task"))
        ).build()
        if not dataset.sources():
            return {"synthetic": dataset.facts().synthetic}
    return {}


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 - characters
