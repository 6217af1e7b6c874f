"""Whether the terms of an objective are compatible with the networks, and with the stages before them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdistill.errors import SettingsError
from xdistill.experiment.networks import build_term
from xdistill.experiment.stages.dry_run import dry_run
from xdistill.experiment.stages.plans import TermPlan
from xdistill.experiment.stages.progress import Place, Progress, unknown
from xdistill.experiment.stages.reach import output_of, unused_optimizer
from xdistill.training.objective import LOGITS, Term, spec_part


class TermChecker:
    """Builds the loss of each term, calls it once, and collects the problems.

    Args:
        progress: of the stages before the term's, and what is known of the networks.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._sound: set[str] = set()  # terms that a dry run found sound; stages often have the same

    def check(self, term: TermPlan, place: Place, known: set[str]) -> Term | None:
        """The term with its loss built; None when it has problems."""
        for role in term.roles:
            if role not in self.progress.specs:
                self.progress.problem(place, f"`{term.choice.use}` needs a {role}, but the recipe has none")
                return None
            if role not in known:
                self.progress.problem(place, f"`{term.choice.use}` uses the {role}, which no earlier stage trains")
                return None
        owner = term.on or "teacher"
        if term.output not in (LOGITS, *self.progress.specs[owner].aux):
            self.progress.problem(
                (*place, "output"),
                unknown(f"the {owner}", "output", term.output, (LOGITS, *self.progress.specs[owner].aux)),
            )
            return None
        taps = getattr(term.choice.settings, "taps", None) or ()
        specs = {role: spec_part(self.progress.specs[role], output_of(term, role)) for role in term.roles}
        missing = [(tap, role) for tap in taps for role in term.roles if tap not in specs[role].features]
        messages = dict.fromkeys(
            self._unknown_tap(role, tap, term.choice.use, specs[role].features) for tap, role in missing
        )
        for message in messages:
            self.progress.problem((*place, "taps"), message)
        if missing:
            return None
        for role in term.roles:
            self._check_fitted(term, role, taps, place)
        try:
            built = build_term(term, self.progress.specs, self.progress.training)
        except SettingsError as error:
            self.progress.problems.append(
                self.progress.loaded.problem((*place, *(part for part in error.field.split(".") if part)), str(error))
            )
            return None
        wrong = self._failed_dry_run(term, built) or self._refused_gradients(built) or unused_optimizer(term, built)
        if wrong:
            self.progress.problem(place, wrong)
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
        key = repr((*settings, self.progress.cross_fitted))
        if key in self._sound:
            return ""
        wrong = dry_run(
            built, self.progress.specs, self.progress.training.schema, self.progress.networks
        ) or self._needs_labels(built)
        if not wrong:
            self._sound.add(key)
        return wrong

    def _unknown_tap(self, role: str, tap: str, loss: str, known: Iterable[str]) -> str:
        if role == "teacher" and self.progress.cross_fitted:
            return (
                f"`{loss}` compares features, and those of cross-fitted teachers have no common coordinates; use a "
                f"loss of logits, or leave out `cross_fit` in stage `{self.progress.cross_fitted}`"
            )
        return unknown(f"the {role}", "tap", tap, known)

    def _needs_labels(self, term: Term) -> str:
        """Why a distillation loss cannot teach unlabelled subjects; empty if it can or does not have to."""
        withheld = self.progress.loaded.recipe.unlabelled
        if term.on or not (self.progress.unlabelled or (withheld and withheld.fraction)):
            return ""
        if not dry_run(term, self.progress.specs, self.progress.training.schema, self.progress.networks, target=False):
            return ""
        some = "`unlabelled` withholds some", "leave out `unlabelled`"
        if self.progress.unlabelled:
            some = f"{self.progress.unlabelled} subjects have none", "set `unlabelled: {use: leave_out}`"
        own = self.progress.training.schema.task.imitation.get("use")
        such = f", such as `{own}`," if own else ""
        return (
            f"`{term.loss_name}` uses the label of each subject, and {some[0]}; use a loss that compares outputs "
            f"alone{such} or {some[1]}"
        )

    def _refused_gradients(self, term: Term) -> str:
        """Why a loss that differentiates through the networks cannot be used with these settings; empty if it can."""
        compute, missing = self.progress.loaded.recipe.compute, self.progress.loaded.recipe.missing
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
        unfitted = self.progress.unfitted(role)
        if not unfitted:
            return
        seen, output = self.progress.trace(role, unfitted), output_of(term, role)
        bad = (
            [name for name in taps if {name, f"{output}.{name}"} & seen.taps] if taps else [*({output} & seen.outputs)]
        )
        if bad:
            parts = ", ".join(f"`{role}.{name}`" for name in unfitted)
            others = [f"`{name}`" for name in (LOGITS, *self.progress.specs[role].aux) if name not in seen.outputs]
            hint = f"; set `output` to one that does not: {', '.join(others)}" if term.on and others else ""
            names = ", ".join(f"`{name}`" for name in bad)
            self.progress.problem(
                place,
                f"`{term.choice.use}` uses {names} of the {role}, which depends on {parts}, which no earlier stage "
                f"fits{hint}",
            )
