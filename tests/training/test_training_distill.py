"""Any module, any loader, no recipe: what `distill` trains, what it is called with, and what it refuses."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from xdistill.errors import PluginError, SettingsError
from xdistill.training import Callback, as_batch, distill, wrap
from xdistill.types import Batch, Output


def loader(subjects=16, size=4):
    """Images, clinical values and targets by name."""
    generator = torch.Generator().manual_seed(0)
    image, clinical = torch.randn(subjects, 3, generator=generator), torch.randn(subjects, 2, generator=generator)
    target = torch.arange(subjects) % 2
    return DataLoader(
        [{"image": image[i], "clinical": clinical[i], "target": target[i]} for i in range(subjects)], size
    )


class Both(nn.Module):
    """A teacher of images and clinical values."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(5, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, image, clinical):
        return self.head(torch.relu(self.encoder(torch.cat([image, clinical], dim=1))))


class Image(nn.Module):
    """A student of images."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(3, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, image):
        return self.head(torch.relu(self.encoder(image)))


def squared(student, teacher, batch):  # noqa: ARG001 - the signature of losses
    return (student.logits - teacher.logits).pow(2).mean()


def test_one_step_by_hand():
    """w = 2, x = 3, teacher 4x: loss (6 - 12)² = 36, gradient 2 (6 - 12) 3 = -36, w + 0.1 * 36 = 5.6."""
    student, teacher = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.constant_(student.weight, 2.0)
    nn.init.constant_(teacher.weight, 4.0)
    data = [(torch.tensor([[3.0]]), torch.tensor([0]))]
    rows = distill(student, data, [squared], teacher=teacher, optimizer=lambda w: torch.optim.SGD(w, 0.1), device="cpu")
    assert rows[0]["total"] == rows[0]["squared"] == pytest.approx(36.0)
    assert student.weight.item() == pytest.approx(5.6)
    assert teacher.weight.item() == 4.0
    assert not teacher.training


def test_the_student_learns_from_its_own_inputs_alone():
    student, teacher = Image(), Both()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    losses = [(nn.CrossEntropyLoss(), 1.0), (squared, 0.5)]
    inputs = {"student_inputs": ["image"], "teacher_inputs": {"clinical": "clinical", "image": "image"}}
    rows = distill(student, loader(), losses, teacher=teacher, epochs=30, device="cpu", seed=0, **inputs)
    assert [row["epoch"] for row in rows] == list(range(1, 31))
    assert rows[-1]["total"] < rows[0]["total"]
    assert {"cross_entropy_loss", "squared", "lr", "seconds"} <= set(rows[0])
    assert rows[0]["total"] == pytest.approx(rows[0]["cross_entropy_loss"] + 0.5 * rows[0]["squared"], rel=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())


def test_a_teacher_with_losses_is_trained_too():
    teacher = Both()
    before = teacher.head.weight.clone()
    losses = {"losses": [squared], "teacher_losses": [nn.CrossEntropyLoss()]}
    inputs = {"student_inputs": ["image"], "teacher_inputs": ["image", "clinical"]}
    rows = distill(Image(), loader(), teacher=teacher, device="cpu", **losses, **inputs)
    assert not torch.equal(teacher.head.weight, before)
    assert "cross_entropy_loss:teacher" in rows[0]


def test_taps_are_features_of_submodules():
    seen = []

    def hint(student, teacher, batch):
        seen.append((student.features["hidden"].shape, teacher.features["hidden"].shape, len(batch)))
        return (student.features["hidden"] - teacher.features["hidden"]).pow(2).mean()

    inputs = {"student_inputs": ["image"], "teacher_inputs": ["image", "clinical"]}
    distill(Image(), loader(), [hint], teacher=Both(), taps={"hidden": "encoder"}, device="cpu", **inputs)
    assert seen == [((4, 4), (4, 4), 4)] * 4
    separate = {"hidden": ["student.encoder", "teacher.encoder"], "only": "teacher.head"}
    distill(Image(), loader(), [hint], teacher=Both(), taps=separate, device="cpu", **inputs)


def test_callbacks_and_schedules_of_ones_own():
    class Names(Callback):
        name = "names"

        def __init__(self):
            super().__init__()
            self.calls = []

        def on_batch_end(self, trainer, batch, losses):
            self.calls.append((trainer.epoch, trainer.step, len(batch), sorted(losses)))

    names = Names()
    student = nn.Linear(3, 2)
    rows = distill(
        student,
        loader(8),
        [nn.CrossEntropyLoss()],
        student_inputs=["image"],
        optimizer=torch.optim.SGD(student.parameters(), lr=1.0),
        scheduler=lambda optimizer: torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5),
        callbacks=[names],
        epochs=2,
        device="cpu",
    )
    assert names.calls == [(1, 1, 4, ["cross_entropy_loss"]), (1, 2, 4, ["cross_entropy_loss"]),
                           (2, 3, 4, ["cross_entropy_loss"]), (2, 4, 4, ["cross_entropy_loss"])]  # fmt: skip
    assert [row["lr"] for row in rows] == [0.5, 0.125]


def test_the_parameters_of_a_loss_are_trained_as_well():
    class Adapter(nn.Module):
        def __init__(self):
            super().__init__()
            self.map = nn.Linear(2, 2)

        def forward(self, student, teacher, batch):
            return (self.map(student.logits) - teacher.logits).pow(2).mean()

    for own in (None, torch.optim.SGD):
        student, adapter = nn.Linear(3, 2), Adapter()
        before = adapter.map.weight.clone()
        optimizer = own and own(student.parameters(), lr=0.1)
        teacher = nn.Linear(3, 2)
        distill(student, loader(), [adapter], teacher=teacher, student_inputs=["image"], teacher_inputs=["image"],
                optimizer=optimizer, device="cpu")  # fmt: skip
        assert not torch.equal(adapter.map.weight, before)


@pytest.mark.parametrize(
    "result",
    [
        torch.ones(2, 3),
        (torch.ones(2, 3), "more"),
        {"logits": torch.ones(2, 3)},
        SimpleNamespace(logits=torch.ones(2, 3), hidden_states=(torch.ones(2, 5),)),
        Output(torch.ones(2, 3)),
    ],
)
def test_outputs_that_can_be_read(result):
    class Module(nn.Module):
        def forward(self, x):
            return result

    output = wrap(Module())(as_batch((torch.ones(2, 1), torch.zeros(2))))
    assert torch.equal(output.logits, torch.ones(2, 3))
    if isinstance(result, SimpleNamespace):
        assert output.features["hidden_states.0"].shape == (2, 5)


def test_batches_that_can_be_read():
    x, y = torch.ones(3, 2), torch.zeros(3, dtype=torch.long)
    assert list(as_batch((x, y)).inputs) == ["x"]
    assert list(as_batch(((x, x), y)).inputs) == ["x0", "x1"]
    assert list(as_batch(({"a": x, "names": ["u", "v", "w"]}, y)).inputs) == ["a"]
    batch = as_batch({"a": x, "labels": y})
    assert (list(batch.inputs), batch.target is y) == (["a"], True)
    assert as_batch(x).target is None
    assert as_batch(batch) is batch
    assert isinstance(next(iter(DataLoader(TensorDataset(x, y), 2))), list)


def bad(**changes):
    arguments = {"student": Image(), "loader": loader(), "losses": [squared], "teacher": Both(), "device": "cpu",
                 "student_inputs": ["image"], "teacher_inputs": ["image", "clinical"], **changes}  # fmt: skip
    return distill(**arguments)


class Text(nn.Module):
    def forward(self, image):
        return {"scores": image}


class Raising(Callback):
    name = "raising"

    def on_epoch_end(self, trainer, logs):
        raise KeyError("gone")


class Skips(Image):
    def forward(self, image):
        return self.head(image.new_ones(len(image), 4))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"student": Text()}, SettingsError, r"cannot find logits in the output of Text: .* keys 'scores'"),
        (
            {"student_inputs": ["imag"]},
            SettingsError,
            r"student_inputs: .* no input `imag`; did you mean `image`",
        ),
        (
            {"taps": {"t": "student.encodr"}},
            SettingsError,
            r"Image has no submodule `encodr`; did you mean `encoder`",
        ),
        ({"student": Skips(), "taps": {"t": "student.encoder"}}, SettingsError, r"'encoder', but its forward does not"),
        ({"epochs": 0}, SettingsError, r"epochs should be at least 1, got 0"),
        ({"losses": []}, SettingsError, r"no loss with a positive weight"),
        ({"losses": [3]}, SettingsError, r"3 is not a loss"),
        ({"losses": [squared], "teacher": None}, SettingsError, r"'squared' needs a teacher"),
        ({"teacher_losses": [squared]}, SettingsError, r"compares student and teacher"),
        ({"loader": []}, SettingsError, r"returned no batch"),
        (
            {
                "loader": iter([(torch.ones(2, 3), torch.ones(2))]),
                "student_inputs": None,
                "teacher_inputs": None,
                "teacher": Image(),
            },
            SettingsError,
            r"no batch when it was iterated again; pass a DataLoader",
        ),
        ({"device": "abacus"}, SettingsError, r"cannot train on 'abacus' with precision '32-true'"),
        ({"loader": ["text"]}, SettingsError, r"cannot read a batch from str"),
        ({"loader": [(torch.ones(2, 3), torch.ones(3))]}, SettingsError, r"different lengths: x 2, target 3"),
        ({"callbacks": [Raising()]}, PluginError, r"the callback 'raising' failed in on_epoch_end, in stage 'distill'"),
    ],
)
def test_bad_input_is_one_clear_error(changes, error, message):
    with pytest.raises(error, match=message):
        bad(**changes)


def test_a_loss_of_targets_needs_them():
    with pytest.raises(SettingsError, match="needs a target"):
        distill(nn.Linear(2, 2), [torch.ones(3, 2)], [nn.CrossEntropyLoss()], device="cpu")


def test_losses_may_differentiate_through_the_networks():
    """A student's gradient with respect to its input is pulled towards the teacher's, and so are its weights."""

    class Slopes(nn.Module):
        needs_grad = True

        def forward(self, student, teacher, batch):
            ours, theirs = (
                torch.autograd.grad(output.logits.sum(), batch.inputs["x"], create_graph=True)[0]
                for output in (student, teacher)
            )
            return functional.mse_loss(ours, theirs.detach())

    student, teacher = nn.Linear(3, 1), nn.Linear(3, 1)
    data = [(torch.randn(4, 3), torch.zeros(4)) for _ in range(50)]
    rows = distill(student, data, [Slopes()], teacher=teacher, epochs=4, optimizer=lambda w: torch.optim.SGD(w, 0.3),
                   device="cpu")  # fmt: skip
    assert rows[-1]["slopes"] < 1e-6
    assert torch.allclose(student.weight, teacher.weight, atol=1e-2)
    assert teacher.weight.grad is None


def test_a_batch_of_xdistill_is_passed_on():
    batch = Batch({"x": torch.ones(2, 2)}, {"x": torch.ones(2, dtype=torch.bool)}, ("a", "b"), torch.tensor([0, 1]))
    assert len(distill(nn.Linear(2, 2), [batch], [nn.CrossEntropyLoss()], device="cpu")) == 1


def test_the_bundled_losses_by_name():
    from xdistill.losses import KD, Focal, Hint

    inputs = {"student_inputs": ["image"], "teacher_inputs": ["image", "clinical"], "taps": {"hidden": "encoder"}}
    losses = [(Focal(gamma=1.0), 1.0), (KD(temperature=2.0), 0.5), Hint(taps=["hidden"])]
    student = Image()
    rows = distill(student, loader(), losses, teacher=Both(), epochs=20, device="cpu", seed=0, **inputs)
    assert {"focal", "kd", "hint"} <= set(rows[0])
    assert rows[-1]["total"] < rows[0]["total"]
    total = rows[0]["focal"] + 0.5 * rows[0]["kd"] + rows[0]["hint"]
    assert rows[0]["total"] == pytest.approx(total, rel=1e-5)
    with pytest.raises(SettingsError, match="hiden"):
        bad(losses=[Hint(taps=["hiden"])], taps={"hidden": "encoder"})
