"""Null controls: what a recipe is turned into to show that its gain needs the teacher, and what the teacher sees.

``shuffled_privileged``
    The privileged values of the training subjects are permuted among them, all of a subject's together.
``constant_teacher``
    The teacher returns the same output for every subject; see `xdistill.distillation.controls`.
``label_smoothing``
    Smoothed labels replace the distillation terms; see there too.
``self_distillation``
    The teacher is a second network of the student's kind, with the student's inputs.

The second and third need a trained teacher. It is trained first, alone, by those stages and terms of the recipe that
teach it; then the student by the others. Where the recipe has such stages one after the other, that is the recipe's own
order, and the teacher is the recipe's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from xdistill.data import CohortLike
from xdistill.errors import RecipeError
from xdistill.experiment.plans import Experiment, FitPlan, StagePlan, TermPlan, TrainPlan
from xdistill.plugin import Catalog
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.recipe.schema.recipe import Control
from xdistill.training.seeds import derive
from xdistill.training.source import Rows

_REPLACING = frozenset({"constant_teacher", "label_smoothing"})


def with_control(loaded: LoadedRecipe, catalog: Catalog) -> LoadedRecipe:
    """The recipe as its control wants it; a recipe without one, or one that was turned already, as it is.

    Raises:
        RecipeError: when the control makes no sense for it.
    """
    recipe = loaded.recipe
    if recipe.control is None:
        return loaded
    if recipe.teacher is None:
        raise RecipeError(
            [
                loaded.problem(
                    ("control",), "a control takes the place of the teacher, and this recipe has none: leave it out"
                )
            ]
        )
    if recipe.control != "self_distillation":
        return loaded
    if not catalog.has("teacher", recipe.student.use):
        message = (
            f"self-distillation makes a network of the student's kind the teacher, and {recipe.student.use!r} is "
            f"offered as a student alone; take another control"
        )
        raise RecipeError([loaded.problem(("control",), message)])
    return replace(loaded, recipe=recipe.model_copy(update={"teacher": recipe.student, "privileged": None}))


def without_control(loaded: LoadedRecipe) -> LoadedRecipe:
    """The recipe that a control is run for."""
    return replace(loaded, recipe=loaded.recipe.model_copy(update={"control": None}))


def check_control(loaded: LoadedRecipe, experiment: Experiment) -> None:
    """Whether the control changes anything.

    Raises:
        RecipeError: when it does not.
    """
    control = experiment.recipe.control
    if control == "shuffled_privileged" and not experiment.privileged:
        message = (
            "the teacher sees nothing that the student does not, so there is nothing to shuffle; take another control"
        )
        raise RecipeError([loaded.problem(("control",), message)])
    if control in _REPLACING and not any(
        term.weight > 0 and not term.on for stage in experiment.stages for term in _terms(stage)
    ):
        message = "no stage distils anything, so there is nothing that this control could take the place of"
        raise RecipeError([loaded.problem(("control",), message)])


def schedule(stages: Sequence[StagePlan], control: Control | None) -> tuple[StagePlan, ...]:
    """The stages as they are run."""
    if control is None or control not in _REPLACING:
        return tuple(stages)
    teaching = [part for stage in stages for part in _of_teacher(stage)]
    learning = [part for stage in stages for part in _of_student(stage, control)]
    return (*teaching, *learning)


def moved(experiment: Experiment, cohort: CohortLike, rows: Rows, *, seed: int) -> Mapping[str, Rows]:
    """Whose privileged values each subject is given: shuffled among the training subjects when that is the control.

    Only subjects who have the same of the privileged modalities change places, so that nobody gains or loses one.

    Args:
        experiment: what is run.
        cohort: the cohort.
        rows: of the training subjects; all others keep what is theirs.
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
    """What of a stage teaches the teacher by itself."""
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


def _of_student(stage: StagePlan, control: str) -> Iterator[StagePlan]:
    """What of a stage teaches the student; it keeps the stage's name, and with it batches and augmentation."""
    paths = _paths(stage, "student")
    if not paths:
        return
    if isinstance(stage, TrainPlan):
        terms = tuple(term for term in stage.terms if term.on != "teacher")
        distils = any(not term.on for term in terms)
        yield replace(stage, train=paths, terms=terms, control=control if distils else "")
    elif isinstance(stage, FitPlan):
        yield replace(stage, fit=paths)


def _paths(stage: StagePlan, role: str) -> tuple[str, ...]:
    return tuple(path for path in stage.paths if path.partition(".")[0] == role)


def _terms(stage: StagePlan) -> tuple[TermPlan, ...]:
    return stage.terms if isinstance(stage, TrainPlan) else ()
