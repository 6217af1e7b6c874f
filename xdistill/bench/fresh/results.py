"""What is kept of a run: the test subjects' probabilities, and a small file of facts.

The run's folder itself is removed: thousands of them would fill a disk, and the recipe, the seed of the cohort and the
versions say how to compute each again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from xdistill.bench.fresh.plan import FreshPlan, Unit
from xdistill.errors import RunError
from xdistill.runs.files import explained, make_folder, read_json, write_json, written_whole
from xdistill.stats import METRICS
from xdistill.stats.areas import Floats, expected_auc_ovo
from xdistill.untrusted import TABLE, read_bytes

if TYPE_CHECKING:
    from xdistill.runs import Run

FORMAT: Final = "xdistill-fresh-result"
FORMAT_VERSION: Final = 1


@dataclass(frozen=True)
class Result:
    """One entry on one cohort.

    Attributes:
        entry: its name.
        key: of recipe, cohort, versions and source files.
        recipe_key: of recipe and cohort.
        run: the id that the run had.
        scores: of the student, and of the teacher where there is one, by the primary metric.
        seconds: of training.
        facts: the rest: hashes of cohort, splits and probabilities, versions, machine.
    """

    entry: str
    key: str
    recipe_key: str
    run: str
    scores: Mapping[str, float]
    seconds: float
    facts: Mapping[str, Any]


Found = Mapping[str, Mapping[int, Result]]
"""Results on the cohorts of one cell, by entry and the cohort's number."""


def result_path(folder: Path, unit: Unit, entry: str) -> Path:
    """The file of facts of one result; the probabilities are next to it."""
    return folder / "results" / unit.cell / f"c{unit.number:03d}" / f"{entry}.json"


def keep(
    path: Path, run: Run, *, metric: str, entry: str, key: str, recipe_key: str, truth: Mapping[str, Floats]
) -> Result:
    """Keep what is needed of a finished run; the file of facts appears last and whole.

    Args:
        path: of the file of facts.
        run: what was trained.
        metric: by which it is scored.
        entry: its name.
        key: of recipe, cohort, versions and source files.
        recipe_key: of recipe and cohort.
        truth: probabilities of the test subjects' true classes ``(subjects, classes)``, by role; empty: scores are of
            the labels.
    """
    make_folder(path.parent)
    record = run.record
    student = run.predictions.pooled("student")
    buffer = BytesIO()
    probabilities = np.asarray(student.probabilities, dtype=np.float64)
    target = np.asarray(student.target, dtype=np.int16)
    if not truth:
        np.savez_compressed(buffer, probabilities=probabilities, target=target)
    else:
        np.savez_compressed(buffer, probabilities=probabilities, target=target, truth=truth["student"])
    with written_whole(path.with_suffix(".npz")) as temporary, explained(temporary):
        temporary.write_bytes(buffer.getvalue())
    classes = run.predictions.classes
    scores = {}
    for role in run.predictions.roles():
        found = run.predictions.pooled(role)
        scores[role] = _score(metric, found.target, found.probabilities, classes, truth.get(role))
    result = Result(
        entry=entry,
        key=key,
        recipe_key=recipe_key,
        run=run.path.name,
        scores=scores,
        seconds=float(sum(record["seconds"]["folds"].values())),
        facts={
            "metric": metric,
            "data": record["recipe"]["data"],
            "cohort": record["cohort"]["fingerprint"],
            "probabilities": sha256(buffer.getvalue()).hexdigest(),
            "versions": record["versions"],
            "machine": record["machine"],
        },
    )
    write_result(path, result)
    return result


def write_result(path: Path, result: Result) -> None:
    """Write the file of facts."""
    make_folder(path.parent)
    write_json(path, {"format": FORMAT, "format_version": FORMAT_VERSION, **result.__dict__})


def read_result(path: Path) -> Result | None:
    """A result that was kept; None when there is none.

    Raises:
        RunError: when the file is damaged.
    """
    if not path.is_file():
        return None
    data = read_json(path)
    fields = {"format": FORMAT, "format_version": FORMAT_VERSION}
    names = {field.name for field in dataclass_fields(Result)}
    if not isinstance(data, dict) or {name: data.pop(name, None) for name in fields} != fields or data.keys() != names:
        raise RunError(f"{path}: this is not a result; delete the file and rerun `xdistill bench run`")
    return Result(**data)


def finished(plan: FreshPlan, entry: str, unit: Unit, folder: Path, *, with_code: bool = True) -> Result | None:
    """The result of the present recipe and cohort in a folder, and of the present code if that counts."""
    result = read_result(result_path(folder, unit, entry))
    if result is None:
        return None
    known = result.key if with_code else result.recipe_key
    return result if known == plan.key(entry, unit, with_code=with_code) else None


def results_in(plan: FreshPlan, folder: Path, *, with_code: bool = False) -> dict[str, Found]:
    """The results of a folder by cell; see `finished` for what counts."""
    return {
        name: {
            entry: {
                unit.number: one
                for unit in cell
                if (one := finished(plan, entry, unit, folder, with_code=with_code)) is not None
            }
            for entry in plan.benchmark.recipes
        }
        for name, cell in plan.cells.items()
    }


def recomputed(path: Path, metric: str, classes: tuple[str, ...]) -> float:
    """The student's score, from the probabilities that were kept.

    Raises:
        RunError: when they are not those that were kept.
    """
    result = read_result(path)
    data = read_bytes(path.with_suffix(".npz"), TABLE, error=RunError)
    if result is None or sha256(data).hexdigest() != result.facts["probabilities"]:
        raise RunError(f"{path.with_suffix('.npz')}: the probabilities were changed; delete both files and rerun")
    with np.load(BytesIO(data)) as arrays:
        target, probabilities = arrays["target"].astype(np.int64), arrays["probabilities"]
        return _score(metric, target, probabilities, classes, arrays.get("truth"))


def _score(
    metric: str, target: NDArray[np.int64], probabilities: Floats, classes: tuple[str, ...], truth: Floats | None
) -> float:
    if truth is not None:
        return expected_auc_ovo(truth, probabilities)
    return float(METRICS[metric](target, probabilities, classes))
