"""Whether the stages of an experiment are compatible with its networks and each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from xdistill.errors import Problem
from xdistill.experiment.cross_fitting import why_not_cross_fitted
from xdistill.experiment.stages.dry_run import alone
from xdistill.experiment.stages.plans import FitPlan, StagePlan, TrainPlan
from xdistill.experiment.stages.progress import Place, Progress, unknown
from xdistill.experiment.stages.reach import taught, unreached, wrongly_taught
from xdistill.experiment.stages.terms import TermChecker
from xdistill.interfaces.fitted import Estimator
from xdistill.training.objective import Term

_SHOWN = 200  # parts of a network that "did you mean" searches


class StageChecker:
    """Goes through the stages in order and collects the problems in what it was given.

    Args:
        progress: before the first stage.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.terms = TermChecker(progress)

    def check(self, stages: Sequence[StagePlan]) -> list[Problem]:
        """The problems of all stages."""
        for index, stage in enumerate(stages):
            place = ("stages", index)
            if isinstance(stage, TrainPlan):
                self._check_train_stage(stage, place)
            elif isinstance(stage, FitPlan):
                self._check_fit_stage(stage, place)
            if stage.cross_fit is not None:
                self._check_cross_fit(stages, index)
        self._check_end(stages[-1])
        return self.progress.problems

    def _check_train_stage(self, stage: TrainPlan, place: Place) -> None:
        for path in stage.train:
            part = self._part(path, (*place, "train"))
            if part is not None and not list(part.parameters()):
                fitted = any(isinstance(one, Estimator) for one in part.modules())
                hint = "; use a stage with `fit` instead of `train`" if fitted else ""
                self.progress.problem((*place, "train"), f"`{path}` has no trainable parameters{hint}")
        trains = {path.partition(".")[0] for path in stage.train}
        known = trains | {role for role, parts in self.progress.learned.items() if parts} | self.progress.untrainable()
        terms: list[Term | None] = []
        for index, term in enumerate(stage.terms):
            terms.append(self.terms.check(term, (*place, "objective", index), known))
            if wrong := wrongly_taught(term, trains):
                self.progress.problem((*place, "objective", index, "teaches"), wrong)
        for role in sorted(trains & self.progress.networks.keys()) if stage.batch_size == 1 else ():
            if why := alone(self.progress.networks[role], self.progress.training.schema):
                self.progress.problem(
                    ("loader", "batch_size"), f"batches of one subject do not train the {role}: {why}"
                )
        reached = {role for term in stage.terms if term.weight > 0 for role in taught(term)}
        for role in sorted(trains & self.progress.networks.keys() - reached):
            self.progress.problem((*place, "train"), f"no loss in the objective trains the {role}; add one")
        if not self.progress.problems:
            built = [term for term in terms if term is not None and term.weight > 0]
            for message in unreached(
                stage.train, built, self.progress.networks, self.progress.specs, self.progress.training.schema
            ):
                self.progress.problem((*place, "train"), message)
        self._note(stage)

    def _check_fit_stage(self, stage: FitPlan, place: Place) -> None:
        for path in stage.fit:
            part = self._part(path, (*place, "fit"))
            if part is not None and not isinstance(part, Estimator):
                role = path.partition(".")[0]
                own = ", ".join(f"`{role}.{name}`" for name in self.progress.estimators[role])
                known = f"estimators of the {role}: {own}" if own else f"the {role} has no estimators"
                self.progress.problem(
                    (*place, "fit"), f"`{path}` is not an estimator; use a stage with `train`; {known}"
                )
            elif part is not None:
                self._check_fit(path, part, (*place, "fit"))
            self.progress.note(path)

    def _check_cross_fit(self, stages: Sequence[StagePlan], index: int) -> None:
        """The teacher is trained alone until here and no further, and what it teaches later needs no features."""
        place = ("stages", index, "cross_fit")
        wrong = why_not_cross_fitted(stages, index)
        if wrong:
            self.progress.problem(place, wrong)
            return
        later = [stage for stage in stages[index + 1 :] if isinstance(stage, TrainPlan)]
        if not any(not term.on for stage in later for term in stage.terms):
            self.progress.problem(
                place, "no later stage has a distillation loss, so a cross-fitted teacher teaches nothing"
            )
        self.progress.cross_fitted = stages[index].name
        self.progress.specs["teacher"] = replace(self.progress.specs["teacher"], features={})

    def _part(self, path: str, place: Place) -> nn.Module | None:
        """The part of a network that a stage names; None, and a problem, when it does not exist."""
        role, _, part = path.partition(".")
        if role not in {"teacher", "student"}:
            self.progress.problem(
                place,
                f"unknown network `{path}`; expected `teacher`, `student` or a part of one, such as `student.head`",
            )
        elif role not in self.progress.networks:
            verb = "fit" if place[-1] == "fit" else "train"
            self.progress.problem(place, f"cannot {verb} `{path}`: the recipe has no {role}")
        elif part and part not in dict(self.progress.networks[role].named_modules()):
            parts = [name for name in dict(self.progress.networks[role].named_modules()) if name]
            self.progress.problem(place, unknown(f"the {role}", "part", part, parts[:_SHOWN]))
        else:
            return self.progress.networks[role].get_submodule(part)
        return None

    def _check_fit(self, path: str, estimator: Estimator, place: Place) -> None:
        """An estimator is called once, with vectors that do not depend on untrained parts."""
        role, _, part = path.partition(".")
        network = self.progress.networks[role]
        calls = self.progress.trace(role, ()).calls[part]
        shapes = [tuple(value.shape) for value in calls]
        if shapes != [(2, estimator.inputs)]:
            self.progress.problem(
                place,
                f"cannot fit `{path}`: with 2 subjects the {role} must call it with one tensor of shape "
                f"(2, {estimator.inputs}), got {', '.join(map(str, shapes)) or 'none'}; this is a bug in the plugin "
                f"that registers `{network.name}`",
            )
            return
        waiting = self.progress.waiting(role, but=part)
        reaching = [
            f"`{role}.{name}`" for name, paths in waiting.items() if self.progress.trace(role, paths).reaches(part)
        ]
        if reaching:
            self.progress.problem(
                place,
                f"`{path}` depends on {', '.join(reaching)}, which no earlier stage trains; add a stage that does",
            )

    def _note(self, stage: StagePlan) -> None:
        for path in stage.paths:
            self.progress.note(path)

    def _check_end(self, last: StagePlan) -> None:
        for role in self.progress.networks:
            for name in self.progress.unfitted(role):
                path = f"{role}.{name}"
                self.progress.problem(
                    (role,), f"no stage fits `{path}`; add one, such as `{{name: fit, fit: [{path}]}}`"
                )
        if self.progress.loaded.recipe.crossval.validation:
            if not isinstance(last, TrainPlan):
                why = "has no epochs"
            elif not any(path.partition(".")[0] == "student" for path in last.train):
                why = "does not train the student"
            else:
                return
            place = ("crossval", "validation")
            self.progress.problem(
                place,
                f"validation selects the student's best epoch, but the last stage, `{last.name}`, {why}; set "
                f"`crossval.validation: 0`",
            )
