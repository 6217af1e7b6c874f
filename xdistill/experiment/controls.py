"""Null controls: changes of a recipe that show whether its gain comes from what the teacher knows.

``shuffled_privileged``
    The privileged values of the training subjects are permuted among them, all values of a subject together.
``constant_teacher``
    The teacher's output is the same for every subject; see `xdistill.distillation.controls`.
``label_smoothing``
    Smoothed labels replace the distillation terms; see there.
``self_distillation``
    The teacher is a second network of the student's kind, with the student's inputs.

In the second and third the student does not predict privileged modalities either, as it does with
`clinical_reconstruction`. They need a trained teacher. It is trained first, by the stages and terms of the recipe that
train it; then the student, by the others. If a recipe trains them in separate stages, this is its own order and
teacher.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from xdistill.data import CohortLike
from xdistill.errors import RecipeError
from xdistill.experiment.plans import Experiment
from xdistill.experiment.stages.plans import FitPlan, StagePlan, TermPlan, TrainPlan
from xdistill.plugin import Catalog
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.schema.recipe import Control
from xdistill.tasks import Classification, Task
from xdistill.training.seeds import derive
from xdistill.training.source import Rows

_REPLACING = frozenset({"constant_teacher", "label_smoothing"})


def with_control(loaded: LoadedRecipe, catalog: Catalog) -> LoadedRecipe:
    """The recipe changed for its control; unchanged when it has none.

    Raises:
        RecipeError: when the control does not apply to it.
    """
    recipe = loaded.recipe
    if recipe.control is None:
        return loaded
    if recipe.teacher is None:
        raise RecipeError(
            [
                loaded.problem(
                    ("control",), "a null control replaces the teacher, but the recipe has none; remove `control`"
                )
            ]
        )
    if recipe.control != "self_distillation":
        return loaded
    if not catalog.has("teacher", recipe.student.use):
        message = (
            f"`self_distillation` uses the student's network as the teacher, but `{recipe.student.use}` is registered "
            f"only as a student; choose another control"
        )
        raise RecipeError([loaded.problem(("control",), message)])
    return replace(loaded, recipe=recipe.model_copy(update={"teacher": recipe.student, "privileged": None}))


def without_control(loaded: LoadedRecipe) -> LoadedRecipe:
    """The recipe without its control."""
    return replace(loaded, recipe=loaded.recipe.model_copy(update={"control": None}))


def check_control(loaded: LoadedRecipe, experiment: Experiment) -> None:
    """Whether the control changes anything.

    Raises:
        RecipeError: when it does not.
    """
    control = experiment.recipe.control
    if control == "shuffled_privileged" and not experiment.privileged:
        message = "the teacher reads nothing that the student does not, so nothing is shuffled; choose another control"
        raise RecipeError([loaded.problem(("control",), message)])
    wrong = _wrong_task(control, experiment) if control in _REPLACING else ""
    if wrong:
        raise RecipeError([loaded.problem(("control",), f"{wrong}; choose another control")])
    if control in _REPLACING and not any(
        term.weight > 0 and not term.on for stage in experiment.stages for term in _terms(stage)
    ):
        message = f"no stage has a distillation loss that `{control}` could replace; choose another control"
        raise RecipeError([loaded.problem(("control",), message)])


def _wrong_task(control: str, experiment: Experiment) -> str:
    """Why a control is not defined for the task; empty if it is."""
    task = experiment.data.build().schema().task
    if control == "label_smoothing" and task.kind != Classification.kind:
        return f"`label_smoothing` smooths classes, and the task is {task.describe()}"
    if control == "constant_teacher" and type(task).logits_of is Task.logits_of:
        return f"`constant_teacher` is not defined for {task.describe()}"
    return ""


def schedule(
    stages: Sequence[StagePlan], control: Control | None, privileged: Collection[str] = ()
) -> tuple[StagePlan, ...]:
    """The stages in the order in which they run.

    Args:
        stages: of the recipe.
        control: of the recipe.
        privileged: the modalities that the teacher reads and the student does not.
    """
    if control is None or control not in _REPLACING:
        return tuple(stages)
    teaching = [part for stage in stages for part in _of_teacher(stage)]
    learning = [part for stage in stages for part in _of_student(stage, control, privileged)]
    return (*teaching, *learning)


def moved(experiment: Experiment, cohort: CohortLike, rows: Rows, *, seed: int) -> Mapping[str, Rows]:
    """Whose privileged values each subject gets: permuted among the training subjects for `shuffled_privileged`.

    Only subjects that have the same privileged modalities are permuted, so that no subject gains or loses one.

    Args:
        experiment: the experiment.
        cohort: the cohort.
        rows: of the training subjects; all others keep their own values.
        seed: of the fold.
    """
    if experiment.recipe.control != "shuffled_privileged":
        return {}
    taken = np.arange(len(cohort.subjects))
    generator = np.random.default_rng(derive(seed, "control", "shuffled_privileged"))
    present = np.stack([cohort.present(name)[rows] for name in experiment.privileged], axis=1)
    for pattern in np.unique(present, axis=0):
        alike = rows[(present == pattern).all(axis=1)]
        taken[alike] = alike[generator.permutation(len(alike))]
    return dict.fromkeys(experiment.privileged, taken)


def _of_teacher(stage: StagePlan) -> Iterator[StagePlan]:
    """The part of a stage that trains the teacher alone."""
    paths = _paths(stage, "teacher")
    if not paths:
        return
    name = stage.name if len(paths) == len(stage.paths) else f"{stage.name} (teacher)"
    if isinstance(stage, TrainPlan):
        terms = tuple(term for term in stage.terms if term.on == "teacher")
        if any(term.weight > 0 for term in terms):
            yield replace(stage, name=name, train=paths, terms=terms)
    elif isinstance(stage, FitPlan):
        yield replace(stage, name=name, fit=paths)


def _of_student(stage: StagePlan, control: str, privileged: Collection[str]) -> Iterator[StagePlan]:
    """The part of a stage that trains the student; it keeps the stage's name, and so its batches and augmentation."""
    paths = _paths(stage, "student")
    if not paths:
        return
    if isinstance(stage, TrainPlan):
        terms = tuple(term for term in stage.terms if term.learner != "teacher" and not term.predicts(privileged))
        if not terms:
            return
        distils = any(not term.on for term in terms)
        yield replace(stage, train=paths, terms=terms, control=control if distils else "")
    elif isinstance(stage, FitPlan):
        yield replace(stage, fit=paths)


def _paths(stage: StagePlan, role: str) -> tuple[str, ...]:
    return tuple(path for path in stage.paths if path.partition(".")[0] == role)


def _terms(stage: StagePlan) -> tuple[TermPlan, ...]:
    return stage.terms if isinstance(stage, TrainPlan) else ()
