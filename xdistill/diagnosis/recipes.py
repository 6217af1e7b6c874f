"""The three recipes that a diagnosis runs, made of the stages of the recipe that is diagnosed.

``alone``
    Teacher and student, each trained by the recipe's stages with its task losses only.
``imitation``
    The same teacher, cross-fitted; then the student, trained to imitate its outputs and nothing else.
``taught``
    The same cross-fitted teacher; then the student, trained by its task losses and by imitation, half of the loss each.

All have the same teacher stages, data, splits and seeds, so the others take the teachers of the first from the
teacher cache, and a recipe whose own stages train the teacher alone takes them as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from xdistill.errors import UserError
from xdistill.experiment.plans import Experiment
from xdistill.experiment.stages.plans import StagePlan, TrainPlan
from xdistill.recipe.schema.crossval import Crossval
from xdistill.tasks import Task

INNER_FOLDS = 5
QUICK_FOLDS, QUICK_INNER_FOLDS, QUICK_SHARE = 3, 2, 4  # a quarter of the epochs


def alone_recipe(experiment: Experiment, task: Task, *, quick: bool = False) -> dict[str, Any]:
    """Teacher and student, each without the other; as plain data.

    Args:
        experiment: the recipe that is diagnosed.
        task: of its data.
        quick: fewer epochs and folds.

    Raises:
        UserError: if the recipe has no teacher, or none that is trained by itself.
    """
    plain = _base(experiment, "alone", quick=quick)
    plain["stages"] = [*_teacher_stages(plain, experiment), *_student_stages(plain, task)]
    if any(row.target is None for row in experiment.data.build().index()):  # which nothing teaches here
        plain["unlabelled"] = {**(plain.get("unlabelled") or {}), "use": "leave_out"}
    return _shorter(plain) if quick else plain


def imitation_recipe(experiment: Experiment, task: Task, *, quick: bool = False) -> dict[str, Any] | None:
    """The cross-fitted teacher and the student that imitates it; arguments as of `alone_recipe`.

    None if the student is fitted without gradients, or the task names no loss for it.
    """
    return _with_teacher(experiment, task, "imitation", lambda _: [dict(task.imitation)], quick=quick)


def taught_recipe(experiment: Experiment, task: Task, *, quick: bool = False) -> dict[str, Any] | None:
    """The cross-fitted teacher and the student that learns from it and from the labels; as `imitation_recipe`."""
    return _with_teacher(experiment, task, "taught", lambda stage: _half(stage["objective"], task), quick=quick)


def cross_fits(experiment: Experiment) -> bool:
    """Whether the recipe itself cross-fits its teacher."""
    return any(stage.cross_fit is not None for stage in experiment.stages)


def _with_teacher(
    experiment: Experiment,
    task: Task,
    what: str,
    objective: Callable[[Mapping[str, Any]], list[dict[str, Any]]],
    *,
    quick: bool,
) -> dict[str, Any] | None:
    plain = _base(experiment, what, quick=quick)
    teaching, learning = _teacher_stages(plain, experiment), _student_stages(plain, task)
    if not task.imitation or any("fit" in stage for stage in learning):
        return None
    if teaching:
        teaching[-1]["cross_fit"] = {"folds": QUICK_INNER_FOLDS if quick else _inner_folds(experiment)}
    plain["stages"] = [*teaching, *({**stage, "objective": objective(stage)} for stage in learning)]
    return _shorter(plain) if quick else plain


def _inner_folds(experiment: Experiment) -> int:
    """As many as the recipe itself has, if it cross-fits."""
    return next((stage.cross_fit.folds for stage in experiment.stages if stage.cross_fit is not None), INNER_FOLDS)


def _half(terms: list[dict[str, Any]], task: Task) -> list[dict[str, Any]]:
    """The task losses with half of their weights, and imitation with the rest."""
    own = [{**term, "weight": term["weight"] / 2} for term in terms]
    return [*own, {**task.imitation, "weight": sum(term["weight"] for term in own)}]


def _base(experiment: Experiment, what: str, *, quick: bool) -> dict[str, Any]:
    """The recipe with all defaults, once with its own splits; the test part of a single split is left out."""
    plain = experiment.resolved()
    plain["stages"] = [
        _without_privileged(stage, plan, experiment)
        for stage, plan in zip(plain["stages"], experiment.stages, strict=True)
    ]
    if plain["teacher"] is None:
        raise UserError(
            f"{experiment.recipe.name}: the recipe has no teacher, so there is nothing to diagnose; name a recipe that "
            f"distils"
        )
    plain.pop("control", None)
    plain.pop("test", None)  # never read before the recipe itself is run
    crossval = experiment.recipe.crossval
    folds = 5 if crossval.single else crossval.folds
    given = crossval.model_dump(mode="json")
    if crossval.single:  # folds of its training part
        given = {name: value for name, value in given.items() if name not in Crossval.added}
    plain |= {
        "name": f"diagnosis/{plain['name']}/{what}",
        "crossval": {**given, "repeats": 1, "folds": min(folds, QUICK_FOLDS) if quick else folds},
        "trackers": [],
        "diagnostics": False,
        "inferred": [],
    }
    return plain


def _without_privileged(stage: dict[str, Any], plan: StagePlan, experiment: Experiment) -> dict[str, Any]:
    """A stage without the terms by which the student predicts privileged values, which it would learn from."""
    if not isinstance(plan, TrainPlan):
        return stage
    kept = [
        written
        for written, term in zip(stage["objective"], plan.terms, strict=True)
        if term.on != "student" or not term.predicts(experiment.privileged)
    ]
    return {**stage, "objective": kept}


def _teacher_stages(plain: Mapping[str, Any], experiment: Experiment) -> list[dict[str, Any]]:
    """Empty for a teacher without parameters, such as `given_logits`, which is not trained."""
    stages = list(_of_teacher(plain["stages"]))
    if not stages and experiment.facts["teacher"].parameters != 0:
        raise UserError(
            f"{experiment.recipe.name}: no stage trains the teacher with a task loss of its "
            f"own, so the teacher cannot be compared with the student; add a term with `on: teacher`"
        )
    return stages


def _of_teacher(stages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for stage in stages:
        paths = _paths(stage, "teacher")
        whole = len(paths) == len(stage.get("train") or stage["fit"])
        named = {**stage, "name": stage["name"] if whole else f"{stage['name']} (teacher)"}
        named.pop("cross_fit", None)
        if paths and "fit" in stage:
            yield {**named, "fit": paths}
        elif paths and (terms := _terms(stage, "teacher")):
            yield {**named, "train": paths, "objective": terms}


def _student_stages(plain: Mapping[str, Any], task: Task) -> list[dict[str, Any]]:
    """The student's stages; one that only distils is left out if others train its parts, or else sees labels."""
    stages = [stage for stage in plain["stages"] if _paths(stage, "student")]
    supervised = [stage for stage in stages if "fit" in stage or _terms(stage, "student")]
    trained = [path for stage in supervised for path in _paths(stage, "student")]
    return [
        _of_student(stage, task)
        for stage in stages
        if stage in supervised or not all(_covered(path, trained) for path in _paths(stage, "student"))
    ]


def _of_student(stage: Mapping[str, Any], task: Task) -> dict[str, Any]:
    paths = _paths(stage, "student")
    if "fit" in stage:
        return {"name": stage["name"], "fit": paths}
    kept = {name: value for name, value in stage.items() if name != "cross_fit"}
    own = [{"use": task.default_loss, "on": "student", "weight": 1.0}]
    return {**kept, "train": paths, "objective": _terms(stage, "student") or own}


def _covered(path: str, trained: Collection[str]) -> bool:
    """Whether a part of a network is among these, or within one of them."""
    return any(f"{path}.".startswith(f"{whole}.") for whole in trained)


def _paths(stage: Mapping[str, Any], role: str) -> list[str]:
    paths = stage.get("train") or stage["fit"]
    return [path for path in paths if path.partition(".")[0] == role]


def _terms(stage: Mapping[str, Any], role: str) -> list[dict[str, Any]]:
    return [term for term in stage["objective"] if term["on"] == role and term["weight"] > 0]


def _shorter(plain: dict[str, Any]) -> dict[str, Any]:
    for stage in plain["stages"]:
        if "epochs" in stage:
            stage["epochs"] = math.ceil(stage["epochs"] / QUICK_SHARE)
    return plain
