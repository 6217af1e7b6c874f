"""The suite of tasks."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from xdistill.errors import DataError
from xdistill.interfaces.labels import Labels, LabelTable
from xdistill.stats import METRICS
from xdistill.tasks import read_task
from xdistill.testing.suite import Conformance, promised, require

_TOLERANCE = 1e-4


class TaskReaderConformance(Conformance):
    """What a task has to do.

    Attributes:
        labels: the columns of labels of some subjects, as text; at least eight, of all classes.
        label: which of them the data set calls its label.
        refused: columns of labels that cannot be read, one cell of which is wrong.
        invertible: `Task.logits_of` undoes `Task.predict`.
    """

    kind = "task"
    labels: Mapping[str, Sequence[str]] = {}
    label: str = "label"
    refused: Mapping[str, Sequence[str]] = {}
    invertible: ClassVar[bool] = True

    def read(self, labels: Mapping[str, Sequence[str]] | None = None) -> Labels:
        """What the component reads; by default from `labels`."""
        found: Labels = self.choice().build().read(LabelTable(self.labels if labels is None else labels, self.label))
        return found

    def test_columns_that_are_read(self) -> None:
        """It names the columns that it reads, so that no network gets them as inputs."""
        columns = self.choice().build().columns(self.label)
        unknown = [name for name in columns if name not in self.labels]
        require(bool(columns) and not unknown, f"`columns` names {list(columns)}, and there are {list(self.labels)}")

    def test_every_subject_has_a_valid_target(self) -> None:
        """The targets are those of the task, and the task can be that of a cohort."""
        found = self.read()
        count = len(next(iter(self.labels.values())))
        require(len(found.targets) == count, f"{len(found.targets)} targets for {count} subjects")
        problems = [found.task.problem(), *map(found.task.target_problem, found.targets)]
        require(not any(problems), f"problem with its own labels: {next(filter(None, problems), '')}")
        shape = found.task.as_targets(found.targets).shape
        require(shape == (count, *found.task.target_shape), f"targets have the shape {shape}")

    @promised("refused")
    def test_wrong_labels_are_refused(self) -> None:
        """What cannot be read is an error, not a target."""
        try:
            self.read(self.refused)
        except DataError as error:
            require(bool(str(error)), "the error has no message")
        else:
            require(condition=False, message="labels that are wrong were read")

    def test_files(self) -> None:
        """The task and its targets are read back as they were written."""
        found = self.read()
        written = json.loads(json.dumps(found.task.entries(), allow_nan=False))
        require(read_task(written) == found.task, f"{found.task!r} came back from JSON as {read_task(written)!r}")
        require(pickle.loads(pickle.dumps(found.task)) == found.task, "the task does not survive pickling")  # noqa: S301 - its own
        as_in_files = json.loads(json.dumps(found.task.as_targets(found.targets).tolist()))
        problems = list(filter(None, map(found.task.target_problem, as_in_files)))
        require(not problems, f"problem with its own labels from a JSON file: {''.join(problems[:1])}")
        for target in found.task.as_targets(found.targets):
            text = found.task.target_text(target)
            again = found.task.as_targets([found.task.parse_target(text)])[0]
            require(np.array_equal(again, target), f"the target {target} came back from {text!r} as {again}")
        json.dumps(found.task.summary(found.task.as_targets(found.targets)), allow_nan=False)

    def test_predictions(self) -> None:
        """Logits become valid predictions, one per column; what is fitted is restored."""
        found = self.read()
        targets = found.task.as_targets(found.targets)
        task = found.task.fitted(targets)
        again = found.task.restored(json.loads(json.dumps(task.state(), allow_nan=False)))
        require(again == task, f"{task!r} was restored as {again!r}")
        logits = torch.randn((6, task.outputs), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        predictions = task.predict(logits).numpy()
        shape = (6, len(task.columns))
        require(predictions.shape == shape, f"predictions have the shape {predictions.shape} instead of {shape}")
        problems = list(map(task.prediction_problem, [*predictions.tolist(), task.constant_prediction(targets)]))
        require(not any(problems), f"problem with its own predictions: {next(filter(None, problems), '')}")

    def test_losses_see_targets_on_the_scale_of_the_logits(self) -> None:
        """`sample_targets` looks like what `encoded` makes of targets."""
        found = self.read()
        targets = found.task.as_targets(found.targets)
        encoded = torch.from_numpy(np.array(found.task.fitted(targets).encoded(targets)))
        sample = found.task.sample_targets(5)
        same = (sample.shape[1:], sample.is_floating_point()) == (encoded.shape[1:], encoded.is_floating_point())
        require(same and len(sample) == 5, f"sample targets are {sample}, and encoded ones {encoded[:5]}")  # noqa: PLR2004 - as above

    def test_strata(self) -> None:
        """One stratum for each subject, or none at all; every group of `counts` has a subject."""
        found = self.read()
        targets = found.task.as_targets(found.targets)
        strata = found.task.strata(targets)
        require(strata is None or strata.shape == (len(targets),), "strata are one number per subject, or None")
        require(not found.task.absent(targets), f"{found.task.absent(targets)} have no subject among all of them")

    def test_metrics_have_a_function_and_a_direction(self) -> None:
        """The metrics of the task can be computed of its predictions; the primary one and those of tables are named."""
        found = self.read()
        targets = found.task.as_targets(found.targets)
        names = [score.name for score in found.task.scores]
        require(len(set(names)) == len(names), f"two metrics have one name: {names}")
        require({found.task.primary, *found.task.table} <= {"", *names}, "`primary` or `table` names another metric")
        generator = torch.Generator().manual_seed(0)
        predictions = found.task.predict(torch.randn((len(targets), found.task.outputs), generator=generator)).numpy()
        known = {**METRICS, **found.task.metrics}
        for name in names:
            require(name in known, f"there is no metric {name!r}; return its function in `Task.metrics`")
            value: Any = known[name](targets, predictions.astype(np.float64), found.task.names)
            require(isinstance(value, float) and np.isfinite(value), f"the metric {name!r} is {value!r}")

    @promised("invertible")
    def test_logits_of_predictions(self) -> None:
        """Null controls turn constant predictions into logits."""
        found = self.read()
        targets = found.task.as_targets(found.targets)
        task = found.task.fitted(targets)
        constant = np.asarray(task.constant_prediction(targets))[None]
        again = task.predict(torch.from_numpy(task.logits_of(constant))).numpy()
        scale = max(1.0, float(np.abs(constant).max()))
        require(bool(np.abs(again - constant).max() < _TOLERANCE * scale), f"{constant[0]} became {again[0]}")
