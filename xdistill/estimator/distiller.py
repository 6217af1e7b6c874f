"""The scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from xdistill.arrays.modalities import common_length
from xdistill.arrays.reading import by_name
from xdistill.estimator.labels import checked_labels, read_groups, read_labels

if TYPE_CHECKING:
    from xdistill.interfaces.callback import Callback
    from xdistill.recipe.loaded import LoadedRecipe
    from xdistill.recipe.overrides import Overrides

_BLOCKS = (
    "teacher",
    "student",
    "stages",
    "transforms",
    "augment",
    "missing",
    "privileged",
    "unlabelled",
    "optimizer",
    "loader",
    "compute",
    "seed",
)


class Distiller(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Trains a student, with its teacher, on arrays; predicts with the student alone.

    The recipe's cross-validation, data set and executor are not used: all stages are trained in this process, on all
    subjects, and no file is written. Only ``crossval.validation`` counts: that share of the subjects is held out to
    choose the epoch.

    ``X`` is a mapping from modality to values, or a `Modalities`. Values are NumPy arrays, torch tensors or DataFrames,
    one row per subject: vectors ``(subjects, columns)``, images ``(subjects, channels, height, width)``, volumes
    ``(subjects, channels, depth, height, width)``. They are used as they are; no file is preprocessed. In vectors, NaN
    is missing, and the recipe's transforms fill it in; columns of text, booleans or pandas categories are categorical.
    Where the recipe says what to do about missing modalities (``missing``), a subject with nothing but NaN in a
    privileged modality lacks it.

    Args:
        recipe: name of a bundled recipe, a file, plain data or a loaded recipe; None: the blocks below are the recipe.
        profile: of the recipe.
        overrides: changes of single fields, as ``{"optimizer.lr": 1e-3}`` or ``["optimizer.lr=1e-3"]``; applied
            after the blocks.
        teacher: block of the recipe, as plain data, merged into the recipe's; so are the following up to ``seed``.
            None: the recipe's own. To train a recipe without its teacher, use ``overrides={"teacher": None}``.
        student: see ``teacher``.
        stages: see ``teacher``.
        transforms: see ``teacher``.
        augment: see ``teacher``.
        missing: see ``teacher``.
        privileged: see ``teacher``.
        unlabelled: see ``teacher``; what subjects without a label are for, such as ``{"use": "distil"}``.
        optimizer: see ``teacher``.
        loader: see ``teacher``.
        compute: see ``teacher``.
        seed: of weights, batches and augmentation; the same inputs and seed give the same bits.
        validation: share of the subjects that is held out to choose the epoch by their log loss.
        device: ``auto`` (the recipe's, else the best of this machine), ``cpu``, ``cuda`` or ``mps``.
        callbacks: see `xdistill.interfaces.Callback`; called during every stage.
        plugins: components that are not installed: classes, and Python files that implement hooks.
        keep_teacher: keep the trained teacher as ``teacher_``.
        verbose: print a line per epoch.

    Attributes:
        classes_: labels in the order of the columns of ``predict_proba``.
        modalities_: the student's modalities, which prediction needs.
        privileged_: modalities that only the teacher reads.
        history_: one row per epoch of all stages: losses, learning rate, seconds.
        recipe_: the recipe with every default filled in, as plain data.
        student_: the trained network.
        teacher_: the trained teacher; only with ``keep_teacher``, and None for a recipe without one.
        n_features_in_: number of columns that the student reads; only if it reads vectors alone.
    """

    def __init__(
        self,
        recipe: LoadedRecipe | Mapping[str, Any] | str | PathLike[str] | None = None,
        *,
        profile: str | None = None,
        overrides: Overrides | None = None,
        teacher: Mapping[str, Any] | None = None,
        student: Mapping[str, Any] | None = None,
        stages: Sequence[Mapping[str, Any]] | None = None,
        transforms: Sequence[Mapping[str, Any]] | None = None,
        augment: Sequence[Mapping[str, Any]] | None = None,
        missing: Mapping[str, Any] | str | None = None,
        privileged: Sequence[str] | None = None,
        unlabelled: Mapping[str, Any] | None = None,
        optimizer: Mapping[str, Any] | None = None,
        loader: Mapping[str, Any] | None = None,
        compute: Mapping[str, Any] | None = None,
        seed: int | None = None,
        validation: float | None = None,
        device: str = "auto",
        callbacks: Sequence[Callback] = (),
        plugins: Sequence[Any] = (),
        keep_teacher: bool = False,
        verbose: bool = False,
    ) -> None:
        self.recipe = recipe
        self.profile = profile
        self.overrides = overrides
        self.teacher = teacher
        self.student = student
        self.stages = stages
        self.transforms = transforms
        self.augment = augment
        self.missing = missing
        self.privileged = privileged
        self.unlabelled = unlabelled
        self.optimizer = optimizer
        self.loader = loader
        self.compute = compute
        self.seed = seed
        self.validation = validation
        self.device = device
        self.callbacks = callbacks
        self.plugins = plugins
        self.keep_teacher = keep_teacher
        self.verbose = verbose

    def fit(self, X: Any, y: Any, groups: Any = None) -> Distiller:  # noqa: N803 - scikit-learn's name
        """Train teacher and student.

        Args:
            X: every modality that the recipe reads, and no other.
            y: labels of any type, ``(subjects,)``. Missing ones, such as None or NaN, are allowed where the recipe has
                ``unlabelled``.
            groups: such as patients, ``(subjects,)``; kept whole where some subjects are held out to choose the
                epoch.

        Returns:
            This estimator.

        Raises:
            UserError: if the recipe, ``X``, ``y`` or ``groups`` cannot be used.
        """
        from xdistill.distributed.settings import torch_settings_kept
        from xdistill.estimator.fitting import train
        from xdistill.estimator.recipes import load
        from xdistill.training.memory import memory_explained

        subjects = common_length(by_name(X))
        loaded, catalog = load(
            self.recipe,
            profile=self.profile,
            overrides=self.overrides or (),
            blocks=self._blocks(),
            device=self.device,
            plugins=self.plugins,
        )
        classes, targets, labelled = read_labels(y, subjects, some=loaded.recipe.unlabelled is not None)
        groups = read_groups(groups, subjects)
        names = [str(label) for label in classes.tolist()]
        options = {"labelled": labelled, "groups": groups, "callbacks": self.callbacks, "verbose": self.verbose}
        with torch_settings_kept(), memory_explained():
            trained = train(loaded, catalog, X, targets, names, **options)
        self.classes_ = classes
        self.modalities_ = trained.model.inputs
        self.privileged_ = trained.privileged
        self.history_ = trained.history
        self.recipe_ = trained.recipe
        self.student_ = trained.model.members[0].network
        self._model = trained.model
        self._keep(trained.teacher)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Class probabilities, ``(subjects, classes)``, in the order of ``classes_``.

        Args:
            X: exactly the student's modalities; what a `Modalities` declares privileged is dropped.

        Raises:
            sklearn.exceptions.NotFittedError: before fit.
            UserError: if a modality is missing, privileged, unknown, or not as in fit.
        """
        check_is_fitted(self, "student_")
        return self._model.predict_proba(X, device=self.device)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803 - scikit-learn's name
        """The most probable class of each subject, ``(subjects,)``; see `predict_proba`."""
        best = self.predict_proba(X).argmax(axis=1)
        chosen: NDArray[Any] = self.classes_[best]
        return chosen

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803 - scikit-learn's name
        """Accuracy; see `predict_proba` for ``X``.

        Raises:
            UserError: as `predict_proba`, and if ``y`` has another length than ``X``.
        """
        check_is_fitted(self, "student_")
        labels = checked_labels(y, common_length(by_name(X)))
        return float(super().score(X, labels, sample_weight))

    def save(self, path: PathLike[str] | str) -> Path:
        """Write the trained student as a model folder, which `xdistill.load_model` and the command line read.

        Labels are written as text. A folder that exists already is replaced if it holds a model.

        Returns:
            The folder.

        Raises:
            sklearn.exceptions.NotFittedError: before fit.
            UserError: if the folder cannot be written, or holds something else.
        """
        check_is_fitted(self, "student_")
        return self._model.save(Path(path))

    def _blocks(self) -> dict[str, Any]:
        """What the parameters change in the recipe, by dotted name."""
        blocks = {name: getattr(self, name) for name in _BLOCKS if getattr(self, name) is not None}
        return blocks if self.validation is None else {**blocks, "crossval.validation": self.validation}

    def _keep(self, teacher: Any) -> None:
        """Set what is there only sometimes; a second fit takes away what the first one left."""
        for name in ("teacher_", "n_features_in_"):
            self.__dict__.pop(name, None)
        if self.keep_teacher:
            self.teacher_ = teacher
        specs = self._model.schema.modalities.values()
        if all(spec.kind == "vector" for spec in specs):
            self.n_features_in_ = sum(spec.shape[0] for spec in specs)
