"""What a cohort holds, as `recipe check` and `data inspect` print it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from xdistill.experiment.plans import Experiment
    from xdistill.profiling import Caution

_SHOWN, _FIRST = 60, 10
_NOT_COMPARED = "not compared with each other yet: build the cohort (`xdistill data build`) and check again"


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


def about_cohort(experiment: Experiment, cache: Path | None = None) -> dict[str, Any]:
    """The cohort of a recipe: subjects, classes, columns, how tables are read, and warnings.

    It need not be built; its images are compared if it was.

    Args:
        experiment: what the recipe assembles to.
        cache: folder of the cohort files; None: the user's cache folder.
    """
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
    images = [name for name, spec in schema.modalities.items() if spec.kind != "vector"]
    compared = _image_cautions(experiment, cache) if images and not dataset.facts().synthetic else []
    return {
        "subjects": len(rows),
        "patients": len({row.patient for row in rows}),
        "classes": schema.task.counts(targets[labelled]),
        "unlabelled": int((~labelled).sum()),
        "modalities": schema.to_json()["modalities"],
        "read": [note for note in notes if not reported([note])],
        "images": _NOT_COMPARED if compared is None else "",
        "warnings": [caution.to_json() for caution in (*cautions, *(compared or ()))],
    }


def _image_cautions(experiment: Experiment, cache: Path | None) -> list[Caution] | None:
    """Warnings about equal and similar images; None if the cohort is not built."""
    from xdistill.data import built_cohort, default_cache_dir, open_cohort
    from xdistill.profiling import image_cautions

    path = built_cohort(experiment.data, experiment.recipe.cache, directory=cache or default_cache_dir())
    return None if path is None else image_cautions(open_cohort(path))


def cohort_lines(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What `about_cohort` found, line by line, without its warnings."""
    counts = counts_text(about["classes"], about["unlabelled"])
    patients = "" if about["patients"] == about["subjects"] else f" of {about['patients']} patients"
    lines = [("subjects", f"{about['subjects']}{patients}{f': {counts}' if counts else ''}")]
    for name, spec in about["modalities"].items():
        shape = " x ".join(map(str, spec["shape"]))
        lines.append((f"modality {name}", columns_text(spec["columns"]) or f"{spec['kind']} of {shape}"))
    images = [("images", about["images"])] if about["images"] else []
    return [*lines, *(("read", note) for note in about["read"]), *images]
