"""The kinds of component. Hooks, test suites, templates and pages of the docs follow from this table."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from xdistill.errors import PluginError
from xdistill.suggest import did_you_mean

if TYPE_CHECKING:
    from xdistill.interfaces.component import Component


class UnknownKindError(PluginError, LookupError):
    """There is no kind of component with this name."""


@dataclass(frozen=True)
class Kind:
    """One kind of component.

    Attributes:
        name: such as ``distillation_loss``.
        module: of the interface, below ``xdistill.interfaces``.
        about: what components of this kind are, in one sentence.
        listed: the list of a recipe, or of one of its stages, whose items are of this kind; empty where a field takes
            one component.
        fields: names that have a meaning of their own in blocks of this kind, so that a Config may not use them.
        class_name: of the interface, where it does not follow from the name.
    """

    name: str
    module: str
    about: str
    listed: str = ""
    fields: tuple[str, ...] = ()
    class_name: str = ""

    @property
    def hook(self) -> str:
        """The hook's name, such as ``xdistill_distillation_losses``."""
        return f"xdistill_{self.name}{'es' if self.name.endswith('s') else 's'}"

    @property
    def interface_name(self) -> str:
        """The interface's class name, such as ``DistillationLoss``."""
        return self.class_name or self.name.title().replace("_", "")

    @property
    def suite(self) -> str:
        """The class of `xdistill.testing` that tests components of this kind."""
        return f"{self.interface_name}Conformance"

    @property
    def interface(self) -> type[Component]:
        """The interface class; loads its module, and torch where that needs it."""
        found: type[Component] = getattr(import_module(f"xdistill.interfaces.{self.module}"), self.interface_name)
        return found


_TERM: Final = ("on", "weight", "output", "detach_teacher", "teaches", "optimizer")

KINDS: Final = (
    Kind("dataset", "dataset", "Data sets: where subjects come from."),
    Kind("task", "labels", "Tasks: what is predicted, read from columns of labels.", class_name="TaskReader"),
    Kind(
        "transform",
        "transform",
        "Transforms: fitted on the training subjects of a split, applied to all of them.",
        listed="transforms",
    ),
    Kind("augmentation", "augmentation", "Augmentations: random changes of training batches.", listed="augment"),
    Kind("encoder", "encoder", "Encoders: one branch of a network, from modalities to a vector."),
    Kind("fusion", "fusion", "Fusions: from the vectors of several branches to one."),
    Kind("estimator", "fitted", "Estimators: from a vector to logits, fitted at once instead of trained by gradient."),
    Kind("teacher", "network", "Teachers: networks that may see every modality."),
    Kind("student", "network", "Students: networks that are used with their own modalities alone."),
    Kind("task_loss", "loss", "Task losses: one network against the subjects' targets.", "objective", _TERM),
    Kind("distillation_loss", "loss", "Distillation losses: the student against the teacher.", "objective", _TERM),
    Kind("metric", "metric", "Metrics: numbers computed from the predictions of a fold.", listed="metrics"),
    Kind("callback", "callback", "Callbacks: called at fixed points of training.", listed="callbacks"),
    Kind("executor", "executor", "Executors: where jobs run."),
    Kind("tracker", "tracker", "Trackers: where the progress of a run is logged.", listed="trackers"),
)

BY_NAME: Final = {kind.name: kind for kind in KINDS}


def kind_named(name: str) -> Kind:
    """The kind of component with this name.

    Raises:
        UnknownKindError: with the nearest name, or all of them.
    """
    if name not in BY_NAME:
        raise UnknownKindError(f"there is no kind {name!r}{did_you_mean(name, BY_NAME)}")
    return BY_NAME[name]
