"""The content of a run's record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from xdistill.crossval.external import external_entry
from xdistill.crossval.prepare import Prepared
from xdistill.data import Cohort
from xdistill.data.folds.given import fold_names
from xdistill.distributed.fabric import accelerator_name
from xdistill.errors import RunError
from xdistill.experiment.identity import machine
from xdistill.experiment.missing import tally
from xdistill.models.describe import describe_student
from xdistill.profiling import cohort_cautions
from xdistill.profiling.cautions import Caution
from xdistill.runs import FORMAT, FORMAT_VERSION, RunFolder, fold_name, read_record
from xdistill.runs.files import read_json
from xdistill.workers import cores

_FOUND: WeakKeyDictionary[Cohort, list[Caution]] = WeakKeyDictionary()


def _control(prepared: Prepared) -> dict[str, Any]:
    """Which null control the run is, and of which run; empty for other runs."""
    control = prepared.experiment.recipe.control
    return {} if control is None else {"control": {"use": control, "of": prepared.control_of}}


def _student(prepared: Prepared) -> dict[str, Any]:
    """How to use the students later; nothing if the folds have different settings."""
    if prepared.recipes:
        return {}
    facts = prepared.cohort.facts
    described = describe_student(
        prepared.experiment,
        prepared.cohort,
        versions=prepared.versions,
        title=facts.title,
        synthetic=facts.synthetic,
    )
    return {"student": described.to_json()}


def _cautions(prepared: Prepared, status: str) -> dict[str, Any]:
    """Warnings about the cohort, once the run is finished; nothing if there are none."""
    if status != "finished":
        return {}
    found = warnings_of(prepared.cohort)
    return {"warnings": [caution.to_json() for caution in found]} if found else {}


def warnings_of(cohort: Cohort) -> list[Caution]:
    """Warnings about a cohort, which are found once for all runs that a process makes on it."""
    if cohort not in _FOUND:
        _FOUND[cohort] = cohort_cautions(cohort)
    return _FOUND[cohort]


def _splits(prepared: Prepared) -> dict[str, Any]:
    """How the splits were given, with the name of each fold such as the site that it tests; empty for random folds."""
    crossval = prepared.experiment.recipe.crossval
    if crossval.by is None:
        return {}
    names = fold_names(prepared.cohort.kept, crossval, prepared.cohort.labelled)
    return {
        "splits": {
            "by": crossval.by,
            **({"column": crossval.read_column} if crossval.read_column else {}),
            **({"folds": {fold_name(0, place): name for place, name in enumerate(names)}} if names else {}),
        }
    }


def _created(folder: RunFolder) -> str:
    """When the run was started; empty if that is not known."""
    try:
        return str(read_record(folder.record).get("created", ""))
    except RunError:  # there is none, or it was damaged
        return ""


def record_of(prepared: Prepared, *, status: str) -> dict[str, Any]:
    """The current record of a run; docs/formats/run.md describes the format."""
    experiment, cohort, folder = prepared.experiment, prepared.cohort, prepared.folder
    folds = {name: read_json(folder.fold(name) / "fold.json") for name in prepared.folds if folder.finished(name)}
    seconds = {name: fold["seconds"] for name, fold in folds.items()}
    at_once = {name: fold["at_once"] for name, fold in folds.items() if "at_once" in fold}
    reused = [name for name, fold in folds.items() if fold.get("reused")]
    # A network's size can depend on the fitted transforms; the first fold is taken.
    sizes: dict[str, int] = next((fold["parameters"] for fold in folds.values()), {})
    now = datetime.now(UTC).isoformat(timespec="seconds")
    created = _created(folder) or now
    compute = experiment.recipe.compute
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "id": prepared.identity,
        "status": status,
        "recipe": prepared.public,
        "profile": prepared.profile,
        "cohort": {
            "fingerprint": cohort.fingerprint,
            "key": cohort.key,
            "title": cohort.facts.title,
            "synthetic": cohort.facts.synthetic,
            "source": cohort.facts.source,
            "bounds": dict(cohort.facts.bounds),
            "subjects": len(cohort.subjects),
            "patients": len(set(cohort.patients)),
            **cohort.schema.task.entries(),
            **cohort.schema.task.summary(cohort.targets[cohort.labelled]),
            **({} if cohort.labelled.all() else {"unlabelled": int((~cohort.labelled).sum())}),
            "modalities": {
                name: {"kind": spec.kind, "shape": list(spec.shape)} for name, spec in cohort.schema.modalities.items()
            },
        },
        "networks": {
            role: {"inputs": list(facts.inputs), "parameters": sizes.get(role, facts.parameters)}
            for role, facts in experiment.facts.items()
        },
        "privileged": list(experiment.privileged),
        **_student(prepared),
        **tally(experiment, cohort, prepared.splits),
        **_control(prepared),
        **_cautions(prepared, status),
        **_splits(prepared),
        **external_entry(prepared.external, cohort.schema.task),
        **prepared.notes,
        "split_hash": prepared.splits.hash,
        "versions": prepared.versions,
        "machine": machine(accelerator_name(compute.accelerator), compute.threads) | {"cores": cores()},
        "created": created,
        "finished": now if status == "finished" else None,
        "seconds": {"folds": seconds, "training": sum(seconds.values()), "at_once": at_once, "reused": reused},
        "summary": {},
    }
