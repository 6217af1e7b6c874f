"""What a cohort holds, as `recipe check` and `data inspect` print it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdistill.experiment.plans import Experiment

_SHOWN, _FIRST = 60, 10


def columns_text(columns: Sequence[Mapping[str, Any]]) -> str:
    """The first columns of a vector with their types, in one line."""
    few = columns if len(columns) <= _SHOWN else columns[:_FIRST]
    shown = ", ".join(f"{one['name']} ({_type(one)})" for one in few)
    return f"{shown} and {len(columns) - len(few)} more" if len(few) < len(columns) else shown


def _type(column: Mapping[str, Any]) -> str:
    if column["kind"] != "categorical":
        return f"number, {column['unit']}" if column["unit"] else "number"
    return " | ".join(column["categories"])


def counts_text(classes: Mapping[str, int], unlabelled: int) -> str:
    """Subjects by class, and those without a label."""
    counts = ", ".join(f"{name} {count}" for name, count in classes.items())
    return "; ".join(filter(None, [counts, f"{unlabelled} without a label" if unlabelled else ""]))


def about_cohort(experiment: Experiment) -> dict[str, Any]:
    """The cohort of a recipe before it is built: subjects, classes, columns, how tables are read, and warnings."""
    import numpy as np

    from xdistill.profiling import kept_cautions, reported, vector_cautions
    from xdistill.tasks.blanks import with_blanks

    dataset = experiment.data.build()
    schema, rows = dataset.schema(), list(dataset.index())
    targets = with_blanks(schema.task, [row.target for row in rows])
    labelled = np.array([row.target is not None for row in rows])
    vectors = dataset.vectors()
    notes = dataset.reading().notes
    cautions = reported(notes)
    if vectors:
        cautions += vector_cautions(vectors, schema, targets, [row.patient for row in rows], labelled)
    cautions += kept_cautions(dataset.kept_columns(), schema, targets, labelled)
    return {
        "subjects": len(rows),
        "patients": len({row.patient for row in rows}),
        "classes": schema.task.counts(targets[labelled]),
        "unlabelled": int((~labelled).sum()),
        "modalities": schema.to_json()["modalities"],
        "read": [note for note in notes if not reported([note])],
        "warnings": [caution.to_json() for caution in cautions],
    }


def cohort_lines(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What `about_cohort` found, line by line, without its warnings."""
    counts = counts_text(about["classes"], about["unlabelled"])
    patients = "" if about["patients"] == about["subjects"] else f" of {about['patients']} patients"
    lines = [("subjects", f"{about['subjects']}{patients}{f': {counts}' if counts else ''}")]
    for name, spec in about["modalities"].items():
        shape = " x ".join(map(str, spec["shape"]))
        lines.append((f"modality {name}", columns_text(spec["columns"]) or f"{spec['kind']} of {shape}"))
    return [*lines, *(("read", note) for note in about["read"])]
