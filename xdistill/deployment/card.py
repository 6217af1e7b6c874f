"""The model card: Markdown with Hugging Face's metadata block, filled from what was measured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader

from xdistill.models.model import StudentModel
from xdistill.recipe.schema.crossval import Crossval
from xdistill.recipe.yaml.writer import write_yaml
from xdistill.report.controls import gain_over_controls
from xdistill.report.intervals import score_intervals
from xdistill.report.scores import columns, written
from xdistill.runs import Run
from xdistill.tasks import Classification

_NOT_MEASURED = (
    "Not measured here. `xdistill run RECIPE --with-controls` compares the method with null controls in which the "
    "teacher's privileged data carry no information."
)


def model_card(model: StudentModel, run: Run | None) -> str:
    """The text of the card.

    Args:
        model: with its training facts.
        run: the cross-validation; None if there was none.
    """
    config, schema = model.config, model.schema
    many = len(model.members) > 1
    parameters = sum(parameter.numel() for parameter in model.members[0].network.parameters())
    environment = Environment(  # noqa: S701 - Markdown; `_plain` takes care of HTML
        loader=PackageLoader("xdistill.deployment"), keep_trailing_newline=True
    )
    return environment.get_template("card.md.j2").render(
        metadata=_metadata(model, run),
        name=_plain(config.name),
        synthetic=config.synthetic,
        task=_plain(schema.task.describe()),
        inputs=_plain(", ".join(model.inputs)),
        privileged=_plain(", ".join(config.privileged)),
        modalities=[
            (f"`{name}`", spec.kind, " x ".join(map(str, spec.shape)), "yes" if name in config.optional else "no")
            for name, spec in schema.modalities.items()
        ],
        student=f"`{config.student['use']}`",
        members=f"an ensemble of {len(model.members)} networks" if many else "a single network",
        many=many,
        parameters=f"{parameters:,}",
        cohort=_plain(config.cohort) or "The cohort has no title",
        facts=model.training,
        counts=_counts(model.training.get("class_counts")),
        results=_results(run),
        teacher=run is not None and "teacher" in run.metrics,
        splits=_splits(run),
        gain=_gain(run),
        calibration=_calibration(model),
        missing=_missing(config.optional),
        versions=config.versions,
    )


def _metadata(model: StudentModel, run: Run | None) -> str:
    """The YAML block that `huggingface_hub.ModelCard` reads."""
    config = model.config
    image = any(spec.kind in {"image", "volume"} for spec in model.schema.modalities.values())
    task = "image-classification" if image else "tabular-classification"
    data: dict[str, Any] = {
        "library_name": "xdistill",
        "pipeline_tag": task,
        "tags": ["xdistill", "knowledge-distillation", *(["synthetic"] if config.synthetic else [])],
    }
    if run is not None:
        scores = {score.name: score for score in run.task.scores}
        metrics = [
            {"type": name, "name": scores[name].title if name in scores else name, "value": round(summary.mean, 6)}
            for name, summary in run.metrics["student"].items()
        ]
        dataset = {"name": config.cohort or "unnamed", "type": "private"}
        result = {"task": {"type": task}, "dataset": dataset, "metrics": metrics}
        data["model-index"] = [{"name": config.name, "results": [result]}]
    return write_yaml(data)


def _results(run: Run | None) -> list[tuple[str, ...]]:
    if run is None:
        return []
    intervals = score_intervals(run, "student")
    found = []
    for column in columns(run.task):
        interval = intervals.get(column.metric)
        scale, digits = (100, 2) if column.percent else (1, 3)
        shown = (
            "not computed"
            if interval is None
            else f"{scale * interval.low:.{digits}f} to {scale * interval.high:.{digits}f}"
        )
        cells = [column.title, written(run.metrics["student"].get(column.metric), percent=column.percent), shown]
        if "teacher" in run.metrics:
            cells.append(written(run.metrics["teacher"].get(column.metric), percent=column.percent))
        found.append(tuple(cells))
    return found


def _splits(run: Run | None) -> str:
    if run is None:
        return ""
    crossval: Mapping[str, Any] = run.record["recipe"]["crossval"]
    if crossval.get("official"):
        return "the official split of the data"
    if crossval.get("by"):
        return f"{Crossval.model_validate(crossval).describe()}, with all subjects of a patient in the same part"
    repeats = f", {crossval['repeats']} times" if crossval["repeats"] > 1 else ""
    return f"{crossval['folds']} folds{repeats}, with all subjects of a patient in the same fold"


def _gain(run: Run | None) -> str:
    if run is None or not run.record.get("privileged"):
        return "There are no privileged data." if run is not None else _NOT_MEASURED
    gain = gain_over_controls(run)
    return _NOT_MEASURED if gain is None else f"{gain.sentence()}."


def _calibration(model: StudentModel) -> str:
    of_classes = isinstance(model.schema.task, Classification)
    if model.intervals is not None:
        return (
            "Intervals are the prediction plus and minus a quantile of the errors of out-of-fold predictions; no "
            "subject was predicted by a network that had seen it."
        )
    if model.calibration is None:
        return "The probabilities are not calibrated." if of_classes else "The predictions are not calibrated."
    return (
        f"Temperature {model.calibration.temperature:.3f}, fitted on the out-of-fold predictions of the training "
        f"subjects alone; no subject was predicted by a network that had seen it."
    )


def _counts(counts: Mapping[str, int] | None) -> str:
    return "" if not counts else f" ({', '.join(f'{_plain(name)}: {count}' for name, count in counts.items())})"


def _missing(optional: Sequence[str]) -> str:
    if not optional:
        return "Every modality is needed: a subject that lacks one is rejected."
    return f"Some training subjects lacked {_plain(', '.join(optional))}; new subjects may lack it too."


def _plain(text: str) -> str:
    """Text from data on one line, without markup."""
    return re.sub(r"\s+", " ", text).replace("<", "&lt;").replace("|", "\\|").strip()
