"""What has to be known of a student to use it later: written by runs and by fits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from xdistill.data import CohortLike
from xdistill.experiment.plans import Experiment, modality_of
from xdistill.interfaces.dataset import TaskSettings
from xdistill.models.config import ReaderConfig, StudentConfig
from xdistill.recipe.environment import is_path_field


def describe_student(
    experiment: Experiment,
    cohort: CohortLike,
    *,
    versions: Mapping[str, str],
    title: str = "",
    synthetic: bool = False,
    files: bool = True,
) -> StudentConfig:
    """The student of an experiment, without its weights.

    Args:
        experiment: what it is trained by.
        cohort: that it is trained on.
        versions: of everything that computes.
        title: of the cohort.
        synthetic: whether its subjects are generated.
        files: whether the data set reads files; False: subjects are arrays.
    """
    recipe = experiment.recipe
    inputs = experiment.facts["student"].inputs
    task = data.task if isinstance(data := experiment.data.settings, TaskSettings) else None
    settings = experiment.data.build().reader_settings(inputs) if files else None
    return StudentConfig(
        name=recipe.name,
        schema=cohort.schema.restricted_to(inputs).to_json(),
        student=_without_folders(experiment.networks["student"].dump()),
        transforms=[choice.dump() for choice in experiment.transforms if modality_of(choice) in inputs],
        privileged=list(experiment.privileged),
        # A vector without any value is imputed, in the model as in training.
        optional=[
            name
            for name in inputs
            if cohort.schema.modalities[name].kind != "vector" and not cohort.present(name).all()
        ],
        reader=None if settings is None else ReaderConfig(use=experiment.data.use, settings=dict(settings)),
        stored=recipe.cache.dtype,
        compute=recipe.compute,
        synthetic=synthetic,
        cohort=title,
        versions=dict(versions),
        labels=None if task is None else task.dump(),
    )


def _without_folders(value: Any, field: str = "") -> Any:
    """Settings in which paths are names of files: a model needs no file of initial weights, and is passed on."""
    if isinstance(value, Mapping):
        return {name: _without_folders(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item, field) for item in value]
    return PurePath(value).name if isinstance(value, str) and is_path_field(field) else value
