"""What the stages so far have trained, and the problems found in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from xdistill.errors import Problem
from xdistill.experiment.stages.tracing import Trace, covers, estimators, trace
from xdistill.interfaces.loss import TrainingFacts
from xdistill.interfaces.network import Network
from xdistill.recipe.loaded import LoadedRecipe
from xdistill.suggest import did_you_mean
from xdistill.types import OutputSpec

Place = tuple[str | int, ...]


class Progress:
    """Tracks which parts are trained, and collects the problems.

    Args:
        loaded: the recipe, for the positions of problems.
        networks: by role, real or without memory for their weights.
        specs: of the networks' outputs.
        training: the facts that losses are built with.
        unlabelled: number of subjects that train the student though their label is missing in the data.
    """

    def __init__(
        self,
        loaded: LoadedRecipe,
        networks: Mapping[str, Network],
        specs: Mapping[str, OutputSpec],
        training: TrainingFacts,
        *,
        unlabelled: int = 0,
    ) -> None:
        self.loaded = loaded
        self.networks = networks
        self.specs = dict(specs)
        self.training = training
        self.unlabelled = unlabelled
        self.learned: dict[str, list[str]] = {role: [] for role in networks}
        self.estimators = {role: estimators(network) for role, network in networks.items()}
        self.cross_fitted = ""  # the stage after which the teacher is cross-fitted
        self.problems: list[Problem] = []

    def problem(self, place: Place, message: str) -> None:
        """Add a problem of a part of the recipe."""
        self.problems.append(self.loaded.problem(place, message))

    def untrainable(self) -> set[str]:
        """Networks that have nothing to train or to fit, and are ready as they are."""
        return {
            role
            for role, network in self.networks.items()
            if not self.estimators[role] and not list(network.parameters())
        }

    def waiting(self, role: str, *, but: str) -> dict[str, list[str]]:
        """Parameters and estimators that no earlier stage trains or fits, by the part of the network."""
        names = [name for name, _ in self.networks[role].named_parameters()]
        waiting = [name for name in names if not covers(self.learned[role], name)]
        grouped: dict[str, list[str]] = {}
        for name in [*waiting, *self.unfitted(role)]:
            if name != but:
                grouped.setdefault(name.partition(".")[0], []).append(name)
        return grouped

    def unfitted(self, role: str) -> list[str]:
        """Estimators of a network that no stage has fitted so far."""
        return [name for name in self.estimators[role] if name not in self.learned[role]]

    def trace(self, role: str, parts: Sequence[str]) -> Trace:
        """What depends on some parts of a network."""
        return trace(self.networks[role], self.training.schema, parts)

    def note(self, path: str) -> None:
        """A stage trains or fits this part of a network."""
        role, _, part = path.partition(".")
        if role in self.learned:
            self.learned[role].append(part)


def unknown(owner: str, what: str, name: str, known: Iterable[str]) -> str:
    """The message about an unknown name.

    >>> unknown("the student", "tap", "per", ["pre"])
    'the student has no tap `per`; did you mean `pre`? Valid taps: `pre`'
    """
    plural = "modalities" if what == "modality" else f"{what}s"
    return f"{owner} has no {what} `{name}`{did_you_mean(name, known, plural) or f'; it has no {plural}'}"
