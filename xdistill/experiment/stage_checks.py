"""Whether the stages of an experiment are compatible with its networks and each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from torch import nn

from xdistill.errors import Problem, SettingsError
from xdistill.experiment.cross_fitting import why_not_cross_fitted
from xdistill.experiment.dry_run import dry_run
from xdistill.experiment.networks import build_term
from xdistill.experiment.plans import FitPlan, StagePlan, TermPlan, TrainPlan
from xdistill.experiment.reach import output_of, taught, unreached, unused_optimizer, wrongly_taught
from xdistill.experiment.tracing import Trace, covers, estimators, trace
from xdistill.interfaces.fitted import Estimator
from xdistill.interfaces.loss import TrainingFacts
from xdistill.interfaces.network import Network
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.suggest import did_you_mean
from xdistill.training.objective import LOGITS, Term, spec_part
from xdistill.types import OutputSpec

Place = tuple[str | int, ...]
_SHOWN = 200  # parts of a network that "did you mean" searches


class StageChecker:
    """Goes through the stages in order, tracks which parts are trained, and collects the problems.

    Args:
        loaded: the recipe, for the positions of problems.
        networks: by role, real or without memory for their weights.
        specs: of the networks' outputs.
        training: the facts that losses are built with.
    """

    def __init__(
        self,
        loaded: LoadedRecipe,
        networks: Mapping[str, Network],
        specs: Mapping[str, OutputSpec],
        training: TrainingFacts,
    ) -> None:
        self.loaded = loaded
        self.networks = networks
        self.specs = dict(specs)
        self.training = training
        self.learned: dict[str, list[str]] = {role: [] for role in networks}
        self.estimators = {role: estimators(network) for role, network in networks.items()}
        self.cross_fitted = ""  # the stage after which the teacher is cross-fitted
        self.problems: list[Problem] = []
        self._sound: set[str] = set()  # terms that a dry run found sound; stages often have the same

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
        return self.problems

    def _problem(self, place: Place, message: str) -> None:
        self.problems.append(self.loaded.problem(place, message))

    def _check_train_stage(self, stage: TrainPlan, place: Place) -> None:
        for path in stage.train:
            part = self._part(path, (*place, "train"))
            if part is not None and not list(part.parameters()):
                fitted = any(isinstance(one, Estimator) for one in part.modules())
                hint = "; use a stage with `fit` instead of `train`" if fitted else ""
                self._problem((*place, "train"), f"`{path}` has no trainable parameters{hint}")
        trains = {path.partition(".")[0] for path in stage.train}
        known = trains | {role for role, parts in self.learned.items() if parts} | self._untrainable()
        terms: list[Term | None] = []
        for index, term in enumerate(stage.terms):
            terms.append(self._check_term(term, (*place, "objective", index), known))
            if wrong := wrongly_taught(term, trains):
                self._problem((*place, "objective", index, "teaches"), wrong)
        reached = {role for term in stage.terms if term.weight > 0 for role in taught(term)}
        for role in sorted(trains & self.networks.keys() - reached):
            self._problem((*place, "train"), f"no loss in the objective trains the {role}; add one")
        if not self.problems:
            built = [term for term in terms if term is not None and term.weight > 0]
            for message in unreached(stage.train, built, self.networks, self.specs, self.training.schema):
                self._problem((*place, "train"), message)
        self._note(stage)

    def _untrainable(self) -> set[str]:
        """Networks that have nothing to train or to fit, and are ready as they are."""
        return {
            role
            for role, network in self.networks.items()
            if not self.estimators[role] and not list(network.parameters())
        }

    def _check_fit_stage(self, stage: FitPlan, place: Place) -> None:
        for path in stage.fit:
            part = self._part(path, (*place, "fit"))
            if part is not None and not isinstance(part, Estimator):
                role = path.partition(".")[0]
                own = ", ".join(f"`{role}.{name}`" for name in self.estimators[role])
                known = f"estimators of the {role}: {own}" if own else f"the {role} has no estimators"
                self._problem((*place, "fit"), f"`{path}` is not an estimator; use a stage with `train`; {known}")
            elif part is not None:
                self._check_fit(path, part, (*place, "fit"))
            self._note_path(path)

    def _check_cross_fit(self, stages: Sequence[StagePlan], index: int) -> None:
        """The teacher is trained alone until here and no further, and what it teaches later needs no features."""
        place = ("stages", index, "cross_fit")
        wrong = why_not_cross_fitted(stages, index)
        if wrong:
            self._problem(place, wrong)
            return
        later = [stage for stage in stages[index + 1 :] if isinstance(stage, TrainPlan)]
        if not any(not term.on for stage in later for term in stage.terms):
            self._problem(place, "no later stage has a distillation loss, so a cross-fitted teacher teaches nothing")
        self.cross_fitted = stages[index].name
        self.specs["teacher"] = replace(self.specs["teacher"], features={})

    def _part(self, path: str, place: Place) -> nn.Module | None:
        """The part of a network that a stage names; None, and a problem, when it does not exist."""
        role, _, part = path.partition(".")
        if role not in {"teacher", "student"}:
            self._problem(
                place,
                f"unknown network `{path}`; expected `teacher`, `student` or a part of one, such as `student.head`",
            )
        elif role not in self.networks:
            verb = "fit" if place[-1] == "fit" else "train"
            self._problem(place, f"cannot {verb} `{path}`: the recipe has no {role}")
        elif part and part not in dict(self.networks[role].named_modules()):
            parts = [name for name in dict(self.networks[role].named_modules()) if name]
            self._problem(place, unknown(f"the {role}", "part", part, parts[:_SHOWN]))
        else:
            return self.networks[role].get_submodule(part)
        return None

    def _check_fit(self, path: str, estimator: Estimator, place: Place) -> None:
        """An estimator is called once, with vectors that do not depend on untrained parts."""
        role, _, part = path.partition(".")
        network = self.networks[role]
        calls = self._trace(role, ()).calls[part]
        shapes = [tuple(value.shape) for value in calls]
        if shapes != [(2, estimator.inputs)]:
            self._problem(
                place,
                f"cannot fit `{path}`: with 2 subjects the {role} must call it with one tensor of shape "
                f"(2, {estimator.inputs}), got {', '.join(map(str, shapes)) or 'none'}; this is a bug in the plugin "
                f"that registers `{network.name}`",
            )
            return
        waiting = self._waiting(role, but=part)
        reaching = [f"`{role}.{name}`" for name, paths in waiting.items() if self._trace(role, paths).reaches(part)]
        if reaching:
            self._problem(
                place,
                f"`{path}` depends on {', '.join(reaching)}, which no earlier stage trains; add a stage that does",
            )

    def _waiting(self, role: str, *, but: str) -> dict[str, list[str]]:
        """Parameters and estimators that no earlier stage trains or fits, by the part of the network."""
        names = [name for name, _ in self.networks[role].named_parameters()]
        waiting = [name for name in names if not covers(self.learned[role], name)]
        grouped: dict[str, list[str]] = {}
        for name in [*waiting, *self._unfitted(role)]:
            if name != but:
                grouped.setdefault(name.partition(".")[0], []).append(name)
        return grouped

    def _unfitted(self, role: str) -> list[str]:
        return [name for name in self.estimators[role] if name not in self.learned[role]]

    def _trace(self, role: str, parts: Sequence[str]) -> Trace:
        return trace(self.networks[role], self.training.schema, parts)

    def _check_term(self, term: TermPlan, place: Place, known: set[str]) -> Term | None:
        """The term with its loss built; None when it has problems."""
        for role in term.roles:
            if role not in self.specs:
                self._problem(place, f"`{term.choice.use}` needs a {role}, but the recipe has none")
                return None
            if role not in known:
                self._problem(place, f"`{term.choice.use}` uses the {role}, which no earlier stage trains")
                return None
        owner = term.on or "teacher"
        if term.output not in (LOGITS, *self.specs[owner].aux):
            self._problem(
                (*place, "output"), unknown(f"the {owner}", "output", term.output, (LOGITS, *self.specs[owner].aux))
            )
            return None
        taps = getattr(term.choice.settings, "taps", None) or ()
        specs = {role: spec_part(self.specs[role], output_of(term, role)) for role in term.roles}
        missing = [(tap, role) for tap in taps for role in term.roles if tap not in specs[role].features]
        messages = dict.fromkeys(
            self._unknown_tap(role, tap, term.choice.use, specs[role].features) for tap, role in missing
        )
        for message in messages:
            self._problem((*place, "taps"), message)
        if missing:
            return None
        for role in term.roles:
            self._check_fitted(term, role, taps, place)
        try:
            built = build_term(term, self.specs, self.training)
        except SettingsError as error:
            self.problems.append(
                self.loaded.problem((*place, *(part for part in error.field.split(".") if part)), str(error))
            )
            return None
        wrong = self._failed_dry_run(term, built) or self._refused_gradients(built) or unused_optimizer(term, built)
        if wrong:
            self._problem(place, wrong)
        return None if wrong else built

    def _failed_dry_run(self, term: TermPlan, built: Term) -> str:
        """What a dry run finds wrong; equal terms, weights and names aside, are called once."""
        settings = (
            term.choice.use,
            repr(term.choice.settings),
            term.on,
            term.output,
            term.detach_teacher,
            term.teaches,
        )
        key = repr((*settings, self.cross_fitted))
        if key in self._sound:
            return ""
        wrong = dry_run(built, self.specs, self.training.schema, self.networks) or self._needs_labels(built)
        if not wrong:
            self._sound.add(key)
        return wrong

    def _unknown_tap(self, role: str, tap: str, loss: str, known: Iterable[str]) -> str:
        if role == "teacher" and self.cross_fitted:
            return (
                f"`{loss}` compares features, and those of cross-fitted teachers have no common coordinates; use a "
                f"loss of logits, or leave out `cross_fit` in stage `{self.cross_fitted}`"
            )
        return unknown(f"the {role}", "tap", tap, known)

    def _needs_labels(self, term: Term) -> str:
        """Why a distillation loss cannot teach unlabelled subjects; empty if it can or does not have to."""
        if term.on or self.loaded.recipe.unlabelled is None:
            return ""
        if not dry_run(term, self.specs, self.training.schema, self.networks, target=False):
            return ""
        return (
            f"`{term.loss_name}` uses the label of each subject, and `unlabelled` withholds some; use a loss that "
            f"compares outputs alone, such as `class_kl`, or leave out `unlabelled`"
        )

    def _refused_gradients(self, term: Term) -> str:
        """Why a loss that differentiates through the networks cannot be used with these settings; empty if it can."""
        compute, missing = self.loaded.recipe.compute, self.loaded.recipe.missing
        settings = {
            "compute.compile: false": compute.compile,
            "compute.devices: 1": compute.devices > 1,
            "another `missing.use` than `skip`": missing.use == "skip" and term.needs_teacher,
        }
        needed = [name for name, refused in settings.items() if refused]
        if not term.needs_grad or not needed:
            return ""
        return f"`{term.loss_name}` differentiates through the networks, which requires {' and '.join(needed)}"

    def _check_fitted(self, term: TermPlan, role: str, taps: Sequence[str], place: Place) -> None:
        """The inputs of a term must not depend on an estimator that is fitted later, or never."""
        unfitted = self._unfitted(role)
        if not unfitted:
            return
        seen, output = self._trace(role, unfitted), output_of(term, role)
        bad = (
            [name for name in taps if {name, f"{output}.{name}"} & seen.taps] if taps else [*({output} & seen.outputs)]
        )
        if bad:
            parts = ", ".join(f"`{role}.{name}`" for name in unfitted)
            others = [f"`{name}`" for name in (LOGITS, *self.specs[role].aux) if name not in seen.outputs]
            hint = f"; set `output` to one that does not: {', '.join(others)}" if term.on and others else ""
            names = ", ".join(f"`{name}`" for name in bad)
            self._problem(
                place,
                f"`{term.choice.use}` uses {names} of the {role}, which depends on {parts}, which no earlier stage "
                f"fits{hint}",
            )

    def _note(self, stage: StagePlan) -> None:
        for path in stage.paths:
            self._note_path(path)

    def _note_path(self, path: str) -> None:
        role, _, part = path.partition(".")
        if role in self.learned:
            self.learned[role].append(part)

    def _check_end(self, last: StagePlan) -> None:
        for role in self.networks:
            for name in self._unfitted(role):
                path = f"{role}.{name}"
                self._problem((role,), f"no stage fits `{path}`; add one, such as `{{name: fit, fit: [{path}]}}`")
        if self.loaded.recipe.crossval.validation:
            if not isinstance(last, TrainPlan):
                why = "has no epochs"
            elif not any(path.partition(".")[0] == "student" for path in last.train):
                why = "does not train the student"
            else:
                return
            place = ("crossval", "validation")
            self._problem(
                place,
                f"validation selects the student's best epoch, but the last stage, `{last.name}`, {why}; set "
                f"`crossval.validation: 0`",
            )


def unknown(owner: str, what: str, name: str, known: Iterable[str]) -> str:
    """The message about an unknown name.

    >>> unknown("the student", "tap", "per", ["pre"])
    'the student has no tap `per`; did you mean `pre`? Valid taps: `pre`'
    """
    plural = "modalities" if what == "modality" else f"{what}s"
    return f"{owner} has no {what} `{name}`{did_you_mean(name, known, plural) or f'; it has no {plural}'}"
