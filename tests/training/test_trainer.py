"""The trainer on a line: one weight per input, no bias, so that every step can be worked out by hand."""

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import LambdaLR

from xdistill.errors import DataError, NonFiniteLossError, PluginError
from xdistill.interfaces.callback import Callback
from xdistill.training.model import Losses
from xdistill.training.trainer import Trainer
from xdistill.types import Batch

HOOKS = (
    "on_train_begin",
    "on_epoch_begin",
    "on_batch_begin",
    "on_backward_end",
    "on_batch_end",
    "on_epoch_end",
    "on_train_end",
)


class Line(nn.Module):
    """The loss is the mean over the subjects of the weighted inputs; its gradient is their mean input."""

    def __init__(self, *weights):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weights))

    def forward(self, opaque):
        value = (opaque.batch.inputs["x"] @ self.weight).mean()
        return Losses(value, {"line": value.detach()}, {"line": len(opaque.batch)})


def batch_of(*rows):
    """One subject per row of inputs."""
    values = torch.tensor([row if isinstance(row, tuple) else (row,) for row in rows])
    subjects = tuple(f"s{index}" for index in range(len(rows)))
    return Batch({"x": values}, {"x": torch.ones(len(rows), dtype=torch.bool)}, subjects)


def two_batches(_epoch):
    """Two subjects with mean input 2, then one with input 4."""
    return [batch_of(1.0, 3.0), batch_of(4.0)]


def trainer_of(*weights, lr=0.1, fabric=None, **changes):
    model = Line(*(weights or (1.0,)))
    fabric = fabric or Fabric(accelerator="cpu", devices=1)
    return Trainer(model, SGD(model.parameters(), lr=lr), fabric=fabric, **changes)


def weights_of(trainer):
    return pytest.approx(trainer.model.weight.tolist())


class Recorder(Callback):
    """Notes every call with what the trainer says at that moment."""

    name = "recorder"

    def __init__(self, calls, tag=""):
        super().__init__()
        self.calls, self.tag = calls, tag


def _noting(hook):
    def note(self, trainer, *_):
        self.calls.append((hook + self.tag, trainer.epoch, trainer.step, round(trainer.model.weight.item(), 6)))

    return note


for _hook in HOOKS:
    setattr(Recorder, _hook, _noting(_hook))


class Does(Callback):
    """Does something in one hook."""

    name = "does"

    def __init__(self, hook, action):
        super().__init__()
        setattr(self, hook, action)


def test_hooks_are_called_in_order_and_see_epoch_step_and_weights():
    # Weights: 1 - 0.1 * 2 = 0.8, 0.8 - 0.1 * 4 = 0.4, then 0.2 and -0.2.
    calls = []
    trainer = trainer_of(callbacks=[Recorder(calls)])
    trainer.fit(two_batches, 2)
    assert calls == [
        ("on_train_begin", 0, 0, 1.0),
        ("on_epoch_begin", 1, 0, 1.0),
        ("on_batch_begin", 1, 0, 1.0),
        ("on_backward_end", 1, 0, 1.0),
        ("on_batch_end", 1, 1, 0.8),
        ("on_batch_begin", 1, 1, 0.8),
        ("on_backward_end", 1, 1, 0.8),
        ("on_batch_end", 1, 2, 0.4),
        ("on_epoch_end", 1, 2, 0.4),
        ("on_epoch_begin", 2, 2, 0.4),
        ("on_batch_begin", 2, 2, 0.4),
        ("on_backward_end", 2, 2, 0.4),
        ("on_batch_end", 2, 3, 0.2),
        ("on_batch_begin", 2, 3, 0.2),
        ("on_backward_end", 2, 3, 0.2),
        ("on_batch_end", 2, 4, -0.2),
        ("on_epoch_end", 2, 4, -0.2),
        ("on_train_end", 2, 4, -0.2),
    ]
    assert trainer.total_epochs == 2


def test_callbacks_are_called_one_after_the_other_in_every_hook():
    calls = []
    trainer_of(callbacks=[Recorder(calls, "/first"), Recorder(calls, "/second")]).fit(two_batches, 1)
    names = [name for name, *_ in calls]
    assert [name.partition("/")[2] for name in names] == ["first", "second"] * (len(names) // 2)
    assert {name.partition("/")[0] for name in names} == set(HOOKS)


def test_the_history_has_means_over_subjects():
    trainer = trainer_of(name="joint")
    rows = trainer.fit(two_batches, 2)
    # Losses: 1 * 2 for two subjects and 0.8 * 4 for one; then 0.4 * 2 and 0.2 * 4.
    assert [row["total"] for row in rows] == [pytest.approx(7.2 / 3), pytest.approx(2.4 / 3)]
    assert [row["line"] for row in rows] == [pytest.approx(2.4), pytest.approx(0.8)]
    assert [(row["stage"], row["epoch"], row["lr"]) for row in rows] == [("joint", 1, 0.1), ("joint", 2, 0.1)]
    assert trainer.subjects == {"line": 3}


def test_what_callbacks_add_to_logs_reaches_the_history():
    seen = []

    def add(_trainer, logs):
        logs["mine"] = 7.0

    def look(trainer, logs):
        seen.append((logs["mine"], trainer.history[-1] is logs))

    trainer = trainer_of(callbacks=[Does("on_epoch_end", add), Does("on_epoch_end", look)])
    rows = list(trainer.epochs(two_batches, 2))
    assert seen == [(7.0, True)] * 2
    assert [row["mine"] for row in trainer.history] == [row["mine"] for row in rows] == [7.0, 7.0]


def test_batch_hooks_get_the_batch_and_the_terms():
    batches = two_batches(1)
    begun, ended = [], []
    trainer = trainer_of(
        callbacks=[
            Does("on_batch_begin", lambda _, batch: begun.append(batch)),
            Does("on_batch_end", lambda _, batch, losses: ended.append((batch, float(losses["line"])))),
        ]
    )
    trainer.fit(lambda _: batches, 1)
    assert begun == batches
    assert ended == [(batches[0], pytest.approx(2.0)), (batches[1], pytest.approx(3.2))]


@pytest.mark.parametrize(
    ("clip_norm", "expected"),
    [
        (None, (0.7, 0.6)),  # 1 - 0.1 * (3, 4)
        (1.0, (0.94, 0.92)),  # the norm is 5: 1 - 0.1 * (0.6, 0.8)
        (10.0, (0.7, 0.6)),
    ],
)
def test_gradients_are_clipped_by_their_total_norm(clip_norm, expected):
    trainer = trainer_of(1.0, 1.0, clip_norm=clip_norm)
    trainer.train_step(batch_of((3.0, 4.0)))
    assert weights_of(trainer) == expected


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (10.0, 0.9),  # 20, clipped to 1: clipped first it would be 10, and the weight 0
        (0.25, 0.95),  # 0.5, which is short enough: clipped first it would be 0.25
    ],
)
def test_a_callback_may_change_gradients_before_they_are_clipped(factor, expected):
    scale = Does("on_backward_end", lambda trainer: trainer.model.weight.grad.mul_(factor))
    trainer = trainer_of(clip_norm=1.0, callbacks=[scale])
    trainer.train_step(batch_of(1.0, 3.0))
    assert weights_of(trainer) == [expected]


@pytest.mark.parametrize(("clip_norm", "expected"), [(None, 0.8), (1.0, 0.9)])
@pytest.mark.parametrize("fused", [False, True])
def test_callbacks_and_clipping_see_gradients_without_loss_scaling(clip_norm, expected, fused):
    """As for 16-mixed on a GPU; the scale of a CPU is as good."""
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    fabric = Fabric(accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", device="cpu", scaler=scaler)])
    model, seen = Line(1.0), []
    look = Does("on_backward_end", lambda trainer: seen.append(trainer.model.weight.grad.item()))
    optimizer = SGD(model.parameters(), lr=0.1, fused=fused)
    trainer = Trainer(model, optimizer, fabric=fabric, clip_norm=clip_norm, callbacks=[look])
    trainer.train_step(batch_of(1.0, 3.0))
    assert seen == [2.0]
    assert weights_of(trainer) == [expected]


def halving(trainer):
    """The rate at step n is 0.1 / (n + 1)."""
    trainer.scheduler = LambdaLR(trainer.optimizer, lambda step: 1 / (step + 1))
    return trainer


def test_the_history_has_the_rate_of_the_last_step():
    rows = halving(trainer_of()).fit(two_batches, 2)
    assert [row["lr"] for row in rows] == [pytest.approx(0.1 / 2), pytest.approx(0.1 / 4)]


def test_a_resumed_schedule_gives_the_same_rates():
    def rates(trainer):
        seen = []
        trainer.callbacks.append(
            Does("on_batch_begin", lambda one, _: seen.append(one.optimizer.param_groups[0]["lr"]))
        )
        return seen

    whole = halving(trainer_of())
    expected = rates(whole)
    whole.fit(two_batches, 3)

    first = halving(trainer_of())
    before = rates(first)
    events = first.epochs(two_batches, 3)
    next(events)
    events.close()

    second = halving(trainer_of(*first.model.weight.tolist()))
    after = rates(second)
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.scheduler.load_state_dict(first.scheduler.state_dict())
    second.step = first.step
    calls = []
    second.callbacks.append(Recorder(calls))
    rows = list(second.epochs(two_batches, 3, done=1))

    assert expected == [pytest.approx(0.1 / step) for step in range(1, 7)]
    assert [*before, *after] == expected
    assert torch.equal(second.model.weight, whole.model.weight)
    assert [row["epoch"] for row in rows] == [2, 3]
    assert calls[0][:3] == ("on_train_begin", 1, 2)
    assert (second.step, second.total_epochs) == (6, 3)


def test_a_loss_that_is_not_finite_changes_nothing():
    model = Line(1.0)
    optimizer = Adam(model.parameters(), lr=0.1)
    trainer = Trainer(model, optimizer, fabric=Fabric(accelerator="cpu", devices=1), name="joint", where="fold r0-f1")
    trainer.fit(two_batches, 1)
    before = model.weight.clone()
    moment = optimizer.state[model.weight]["exp_avg"].clone()
    with pytest.raises(NonFiniteLossError) as caught:
        trainer.fit(lambda _: [batch_of(1.0, float("nan"))], 1)
    assert torch.equal(model.weight, before)
    assert torch.equal(optimizer.state[model.weight]["exp_avg"], moment)
    assert trainer.step == 2
    assert len(trainer.history) == 1
    text = str(caught.value)
    assert "not finite in fold r0-f1, stage 'joint', epoch 1: line = nan; subjects of the batch: s0, s1." in text


@pytest.mark.parametrize("hook", HOOKS)
def test_a_callback_that_raises_is_named_with_hook_stage_epoch_and_line(hook):
    def fail(*_):
        raise KeyError("gone")

    trainer = trainer_of(callbacks=[Does(hook, fail)], name="joint", where="fold r0-f1")
    with pytest.raises(PluginError) as caught:
        trainer.fit(two_batches, 1)
    epoch = 0 if hook == "on_train_begin" else 1
    text = str(caught.value)
    assert text.startswith(
        f"the callback 'does' failed in {hook}, in fold r0-f1, stage 'joint', epoch {epoch}: KeyError: 'gone' ("
    )
    assert text.endswith(f"test_trainer.py, line {fail.__code__.co_firstlineno + 1})")
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("error", [DataError("my own words"), MemoryError(), RuntimeError("CUDA out of memory")])
def test_errors_that_are_explained_elsewhere_pass(error):
    def fail(*_):
        raise error

    with pytest.raises(type(error)) as caught:
        trainer_of(callbacks=[Does("on_epoch_begin", fail)]).fit(two_batches, 1)
    assert caught.value is error


def test_batches_are_closed_when_an_epoch_fails():
    closed = []

    def batches(_epoch):
        try:
            yield from two_batches(1)
        finally:
            closed.append(True)

    def fail(*_):
        raise DataError("enough")

    with pytest.raises(DataError):
        trainer_of(callbacks=[Does("on_batch_begin", fail)]).fit(batches, 1)
    assert closed == [True]
