"""Sound components of the kinds that are not modules, and for each check one that it alone catches."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import torch
from torch import nn

from xdistill.distributed.local import LocalExecutor
from xdistill.interfaces import (
    Augmentation,
    Callback,
    Dataset,
    DatasetFacts,
    JobEvent,
    Metric,
    Settings,
    SubjectReader,
    SubjectRow,
    Tracker,
    Transform,
)
from xdistill.types import ColumnSpec, ModalitySpec, Schema

COUNTER = itertools.count()


class Numbers(Dataset):
    """Ten subjects with a table; every third has none."""

    name = "numbers"

    def __init__(self, config):
        self.config = config

    def schema(self):
        columns = (ColumnSpec("age"), ColumnSpec("sex", "categorical", categories=("f", "m")))
        return Schema({"table": ModalitySpec("vector", (2,), columns=columns)}, ("no", "yes"))

    def index(self):
        return [SubjectRow(f"s{row}", f"p{row}", row % 2) for row in range(10)]

    def load(self, row):
        return {"table": None if row % 3 == 2 else np.array([np.nan if row == 4 else row, row % 2], dtype=np.float64)}

    def facts(self):
        return DatasetFacts("numbers", synthetic=True, bounds={"table": 0.75})


class NewPatients(Numbers):
    """Patients who are other ones each time."""

    def index(self):
        return [SubjectRow(f"s{row}", f"p{next(COUNTER)}", row % 2) for row in range(10)]


class WholeNumbers(Numbers):
    """Whole numbers where numbers can be missing."""

    def load(self, row):
        return {"table": np.array([9, 1])} if row == 9 else super().load(row)


class DrawnAnew(Numbers):
    """The sign of a zero, which no setting decides."""

    def __init__(self, config):
        super().__init__(config)
        self.zero = -0.0 if next(COUNTER) % 2 else 0.0

    def load(self, row):
        return {"table": np.array([self.zero, 0.0])} if row == 0 else super().load(row)


class OrderMatters(Numbers):
    """Values that depend on which subject is loaded first."""

    def load_many(self, rows):
        for place, row in enumerate(rows):
            values = self.load(row)["table"]
            yield {"table": None if values is None else np.add(values, [place if rows[0] else 0, 0])}


class LosesOneInAll(Numbers):
    """Leaves a subject out when all are loaded at once."""

    def load_many(self, rows):
        for row in rows:
            yield {"table": None} if row == 1 and len(rows) == 10 else self.load(row)


class BoundBeyondOne(Numbers):
    """Promises more than everything."""

    def facts(self):
        return DatasetFacts("numbers", bounds={"table": 75.0})


class Reader(SubjectReader):
    """Reads one modality from a column."""

    def __init__(self, modality):
        self.columns = {modality: modality}

    def read(self, modality, cell):
        return np.zeros(2)


class ReadsAnother(Numbers):
    """Its reader is for a modality that it does not have."""

    def reader_settings(self, modalities):
        return {"modality": "pictures"}

    @classmethod
    def reader(cls, settings, schema):  # noqa: ARG003 - the hook's signature
        return Reader(settings["modality"])


class Centre(Transform):
    """Takes the training mean away, and puts it where something is missing."""

    name = "centre"

    def fit(self, training):
        self.mean = np.nanmean(training, axis=0)

    def output(self):
        return self.spec

    def apply(self, values):
        return (np.where(np.isnan(values), self.mean, values) - self.mean).astype(np.float32)

    def state(self):
        return {"mean": self.mean.tolist()}

    def restore(self, state):
        self.mean = np.array(state["mean"])


class OtherModule(Centre):
    """Its module forgets that something may be missing."""

    name = "centre"

    def as_module(self):
        return Minus(self.mean)


class Minus(nn.Module):
    def __init__(self, mean):
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))

    def forward(self, values):
        return (values - self.mean).float()


class Wide(Centre):
    """Gives float64."""

    def apply(self, values):
        return super().apply(values).astype(np.float64)


class LearnsLater(Centre):
    """Counts whom it has seen."""

    seen = 0

    def apply(self, values):
        self.seen += len(values)
        return super().apply(values)

    def state(self):
        return {**super().state(), "seen": self.seen}

    def fit(self, training):
        super().fit(training)
        self.seen = 0


class UsesTheBatch(Centre):
    """Scales by the subjects at hand."""

    def apply(self, values):
        return super().apply(values) / np.float32(len(values))


class Shared(Centre):
    """Keeps what it learned for all of its kind."""

    kept: dict = {}

    def fit(self, training):
        super().fit(training)
        Shared.kept["scale"] = float(np.nanstd(training))

    def apply(self, values):
        return super().apply(values) / np.float32(Shared.kept["scale"])

    def state(self):
        return {**super().state(), "scale": Shared.kept["scale"]}

    def restore(self, state):
        super().restore(state)
        Shared.kept["scale"] = state["scale"]


class Remembers(Centre):
    """Averages over all fits."""

    def fit(self, training):
        before = getattr(self, "mean", None)
        super().fit(training)
        if before is not None:
            self.mean = (self.mean + before) / 2


class ForgetsToSave(Centre):
    """Leaves the scale out of its state."""

    scale = 1.0

    def fit(self, training):
        super().fit(training)
        self.scale = float(np.nanstd(training))

    def apply(self, values):
        return super().apply(values) / np.float32(self.scale)


class ChangesItsInput(Centre):
    """Fills in where the values lie."""

    def apply(self, values):
        values[np.isnan(values)] = 0
        return super().apply(values)


class LeavesGaps(Centre):
    """Does not fill in what is missing."""

    def apply(self, values):
        return (values - self.mean).astype(np.float32)


class Noise(Augmentation):
    """Noise on the table."""

    name = "noise"

    def __call__(self, inputs, generator):
        table = inputs["table"]
        return {**inputs, "table": table + torch.randn(table.shape, generator=generator).to(table)}


class NoNoise(Noise):
    """Draws nothing."""

    def __call__(self, inputs, generator):
        return inputs


class LosesOne(Noise):
    """Returns the changed modality alone."""

    def __call__(self, inputs, generator):
        changed = dict(super().__call__(inputs, generator))
        return {name: value.double() if name == "picture" else value for name, value in changed.items()}


class OwnRandomness(Noise):
    """Draws from a generator of its own."""

    own = np.random.default_rng(0)

    def __call__(self, inputs, generator):
        changed = super().__call__(inputs, generator)
        return {**changed, "table": changed["table"] + float(self.own.random())}


class UsesUpNumbers(Noise):
    """Draws from torch's own generator, for nothing."""

    def __call__(self, inputs, generator):
        torch.rand(1)
        return super().__call__(inputs, generator)


class AlwaysTheSame(Noise):
    """Does the same to every batch."""

    def __call__(self, inputs, generator):
        return {**inputs, "table": inputs["table"] * 2}


class ChangesOthers(Noise):
    """Changes the picture too."""

    def __call__(self, inputs, generator):
        return {**super().__call__(inputs, generator), "picture": -inputs["picture"]}


class StaysBehind(Noise):
    """Draws on the processor and leaves it there."""

    on_device = True

    def __call__(self, inputs, generator):
        return {**inputs, "table": inputs["table"] + torch.randn(inputs["table"].shape, generator=generator)}


class AugmentsInPlace(Noise):
    """Changes the loader's own tensors."""

    def __call__(self, inputs, generator):
        inputs["table"].add_(torch.randn(inputs["table"].shape, generator=generator))
        return inputs


class Right(Metric):
    """The share of subjects whose most probable class is theirs."""

    name = "right"

    def __call__(self, target, probabilities, classes):
        return float((probabilities.argmax(1) == target).mean())


class RightArray(Right):
    """Returns what JSON does not know."""

    def __call__(self, target, probabilities, classes):
        return np.float32((probabilities.argmax(1) == target).mean())


class RightLater(Right):
    """Later subjects count more."""

    def __call__(self, target, probabilities, classes):
        return float(np.average(probabilities.argmax(1) == target, weights=np.arange(len(target)) + 1.0))


class RightAtRandom(Right):
    """Breaks ties by chance."""

    def __call__(self, target, probabilities, classes):
        return super().__call__(target, probabilities, classes) + 1e-12 * next(COUNTER)


class RightInPlace(Right):
    """Rounds the probabilities where they lie."""

    def __call__(self, target, probabilities, classes):
        np.round(probabilities, 6, out=probabilities)
        return super().__call__(target, probabilities, classes)


class Wrong(Right):
    """Says the wrong direction."""

    higher_is_better = False


class RightDoubled(Right):
    """Has another factor."""

    def __call__(self, target, probabilities, classes):
        return 2 * super().__call__(target, probabilities, classes)


class Here(LocalExecutor):
    """Runs jobs in the driver's own process, one after the other."""

    name = "here"

    def run(self, target, jobs):
        from importlib import import_module

        module, _, function = target.partition(":")
        for job in jobs:
            try:
                for value in getattr(import_module(module), function)(job.payload):
                    yield JobEvent(job.name, "event", value)
            except Exception as error:  # noqa: BLE001 - a job can fail in any way
                yield JobEvent(job.name, "failed", error)
            else:
                yield JobEvent(job.name, "done")


class Changed(LocalExecutor):
    """Changes what the jobs say on its way."""

    def run(self, target, jobs):
        for event in super().run(target, jobs):
            yield from self.changed(event, target.rpartition(":")[2])

    def changed(self, event, function):
        yield event


class SaysDoneTwice(Changed):
    """Says twice that a job is done."""

    def changed(self, event, function):
        yield event
        if event.kind == "done" and function == "count":
            yield event


class NeverIdle(LocalExecutor):
    """Needs a job to start."""

    def run(self, target, jobs):
        first = jobs[0]
        del first
        yield from super().run(target, jobs)


class HidesErrors(Changed):
    """Says that a job failed, and not why."""

    def changed(self, event, function):
        yield (
            JobEvent(event.job, "failed", RuntimeError("a job failed"))
            if event.kind == "failed" and function == "fail"
            else event
        )


class HidesDeaths(Changed):
    """Takes a killed job for one that is done."""

    def changed(self, event, function):
        yield JobEvent(event.job, "done") if event.kind == "failed" and function == "die" else event


class LeavesWorkers(LocalExecutor):
    """Starts a process that nobody ends."""

    def run(self, target, jobs):
        if not target.endswith(":process"):
            yield from super().run(target, jobs)
            return
        import subprocess
        import sys

        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        LEFT.append(process)
        yield JobEvent(jobs[0].name, "event", process.pid)
        process.wait()


class TakesAllThreads(Changed):
    """Does not hand the number of threads on."""

    def changed(self, event, function):
        yield JobEvent(event.job, "event", "16") if event.kind == "event" and function == "threads" else event


LEFT: list = []


class Undocumented(Right):
    pass


Undocumented.__doc__ = None


class Nameless(Metric):
    """Has no name that a recipe could say."""

    name = ""

    def __call__(self, target, probabilities, classes):
        return float((probabilities.argmax(1) == target).mean())


class Strange(Right):
    """Has a setting that JSON does not know."""

    class Config(Settings):
        level: float = float("inf")


class Diary(Tracker):
    """Writes a line an epoch."""

    name = "diary"

    def __init__(self, config, *, run):
        super().__init__(config, run=run)
        self.lines = []

    def log(self, values, *, fold, stage, step):
        self.lines.append(f"{fold} {stage} {step} {values['total']}")

    def finish(self, scores):
        self.lines += [f"{name} {value}" for name, value in scores.items()]
        (self.run.folder / "diary.txt").write_text("\n".join(self.lines))


class OneFold(Diary):
    """Cannot tell folds apart."""

    def log(self, values, *, fold, stage, step):
        super().log(values, fold=fold, stage=stage, step=step)
        if len({line.split()[0] for line in self.lines}) > 1:
            raise ValueError("another fold")


class NeedsEpochs(Diary):
    """Cannot be closed before the first epoch."""

    def close(self):
        if not self.lines:
            raise ValueError("nothing to close")


class OnlyOnce(Diary):
    """Does not take a run up again."""

    def __init__(self, config, *, run):
        super().__init__(config, run=run)
        (run.folder / "begun").touch(exist_ok=False)


class TakesValues(Diary):
    """Changes what others are told."""

    def log(self, values, *, fold, stage, step):
        super().log(values, fold=fold, stage=stage, step=step)
        values.pop("lr")


class Counter(Callback):
    """Counts the batches of all epochs."""

    name = "counter"

    def __init__(self, config=None):
        super().__init__(config)
        self.batches = 0

    def on_batch_end(self, trainer, batch, losses):
        self.batches += 1

    def on_epoch_end(self, trainer, logs):
        logs["batches"] = self.batches

    def state_dict(self):
        return {"batches": self.batches}

    def load_state_dict(self, state):
        self.batches = state["batches"]


class OneStage(Counter):
    """Is not prepared for another stage."""

    def on_train_begin(self, trainer):
        if trainer.name == "second":
            raise ValueError("another stage")


class LosesTotal(Counter):
    """Removes a figure of the trainer."""

    def on_epoch_end(self, trainer, logs):
        super().on_epoch_end(trainer, logs)
        del logs["total"]


class StateOfObjects(Counter):
    """Has a state that a checkpoint refuses to load."""

    def state_dict(self):
        return {**super().state_dict(), "file": Path("figures.csv")}


class ForgetsItsCount(Counter):
    """Starts from zero after an interruption."""

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class DrawsNumbers(Counter):
    """Uses up random numbers of the training."""

    def on_batch_begin(self, trainer, batch):
        torch.rand(1)
