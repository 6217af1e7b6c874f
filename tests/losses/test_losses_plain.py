"""`xdistill.losses`: every loss on plain tensors equals the loss built through its component."""

from __future__ import annotations

import copy
import doctest
import pickle

import pytest
import torch
from torch import nn

import xdistill.losses
from losses.outputs import make_batch, randoms
from xdistill.errors import SettingsError
from xdistill.interfaces import DistillationLoss, TaskLoss, TrainingFacts
from xdistill.losses import KD, RKD, ClassKL, CrossEntropy, Focal, Hint
from xdistill.plugin import load_catalog
from xdistill.types import ModalitySpec, Output, OutputSpec, Schema

CATALOG = load_catalog()
OF_LOGITS = ("kd", "class_kl", "dkd", "dist", "wsld", "generalized")
NEEDS_GRAPH = ("jacobian", "cam_attention")
LIBRARY = [
    entry.name
    for entry in CATALOG
    if entry.kind == "distillation_loss"
    and entry.component.__module__.startswith("xdistill_losses.")
    and getattr(entry.component, "tasks", ()) in {(), ("classification",)}  # others: test_losses_of_tasks.py
]
OF_FEATURES = [name for name in LIBRARY if name not in (*OF_LOGITS, *NEEDS_GRAPH)]
TARGET = make_batch(6).target


def plain(name, **settings):
    return getattr(xdistill.losses, name)(**settings)


def through_component(name, settings, student, teacher):
    """The loss as a recipe builds it, with the same seed."""
    component = CATALOG.entry("distillation_loss", name).component
    specs = [
        OutputSpec(output.logits.shape[1], {tap: tuple(value.shape[1:]) for tap, value in output.features.items()})
        for output in (student, teacher)
    ]
    torch.manual_seed(0)
    loss = component(component.Config(**settings), student=specs[0], teacher=specs[1])
    return loss(student, teacher, make_batch(6))


def values(*shape, seed):
    return randoms(6, *shape, seed=seed, dtype=torch.float32)


@pytest.mark.parametrize("name", OF_LOGITS)
def test_logits(name):
    student, teacher = values(4, seed=1), values(4, seed=2)
    assert torch.equal(
        plain(name)(student, teacher, TARGET), through_component(name, {}, Output(student), Output(teacher))
    )


@pytest.mark.parametrize("name", OF_FEATURES)
def test_a_feature_is_a_tensor(name):
    student, teacher = values(4, 5, 3, seed=1), values(4, 5, 3, seed=2)
    taps = ["feature"] * (2 if name == "fsp" else 1)
    expected = through_component(
        name, {"taps": taps}, *(Output(torch.zeros(6, 3), {"feature": value}) for value in (student, teacher))
    )
    torch.manual_seed(0)
    assert torch.equal(plain(name)(student, teacher, TARGET), expected)


@pytest.mark.parametrize("name", OF_FEATURES)
def test_several_features_are_a_mapping(name):
    student, teacher = ({tap: values(4, 5, 3, seed=seed + index) for index, tap in enumerate("ab")} for seed in (1, 7))
    expected = through_component(
        name, {"taps": ["a", "b"]}, *(Output(torch.zeros(6, 3), value) for value in (student, teacher))
    )
    torch.manual_seed(0)
    loss = plain(name)
    assert torch.equal(loss(student, teacher, TARGET), expected)
    assert loss.taps == ("a", "b")
    torch.manual_seed(0)
    assert torch.equal(plain(name, taps=["a", "b"])(student, teacher, TARGET), expected)


def test_every_loss_is_compared():
    assert {*OF_LOGITS, *OF_FEATURES, *NEEDS_GRAPH} == set(LIBRARY)


@pytest.mark.parametrize(
    ("name", "settings"), [("jacobian", {"inputs": ["x"]}), ("jacobian", {"taps": ["map"]}), ("cam_attention", {})]
)
def test_losses_that_differentiate_take_outputs_of_a_graph(name, settings):
    x = values(2, 4, seed=1).requires_grad_()

    def network(seed):
        generator = torch.Generator().manual_seed(seed)
        weight = torch.randn(3, 2, generator=generator).requires_grad_()
        feature = torch.tanh(x * (1 + seed))
        return weight, Output(feature.square().mean(dim=2) @ weight.T, {"map": feature})

    (weight, student), (other, teacher) = network(1), network(2)
    loss = plain(name, **settings)
    assert loss.needs_grad
    value = loss(student, teacher, TARGET, inputs={"x": x})
    component = CATALOG.entry("distillation_loss", name).component
    spec = OutputSpec(3, {"map": (2, 4)})
    same = component(component.Config(**{"taps": loss.taps, **settings}), student=spec, teacher=spec)
    batch = make_batch(6)
    batch.inputs["x"] = x
    assert torch.equal(value, same(student, teacher, batch))
    value.backward()
    assert weight.grad.any()
    assert other.grad is None


@pytest.mark.parametrize(("name", "settings"), [("focal", {"gamma": 1.0}), ("cross_entropy", {"label_smoothing": 0.1})])
def test_task_losses(name, settings):
    component = CATALOG.entry("task_loss", name).component
    facts = TrainingFacts(Schema({}, ("a", "b", "c")), (1, 1, 1))
    loss = component(component.Config(**settings), output=OutputSpec(3), training=facts)
    logits = values(3, seed=1)
    assert torch.equal(plain(name, **settings)(logits, TARGET), loss(Output(logits), make_batch(6)))


def test_a_task_loss_that_needs_the_training_subjects():
    loss = Focal(alpha="inverse_frequency")
    with pytest.raises(SettingsError, match="no training subject"):
        loss(values(3, seed=1), TARGET)
    built = loss.build(OutputSpec(3), TrainingFacts(Schema({}, ("a", "b", "c")), (6, 3, 1)))
    torch.testing.assert_close(built.alpha, torch.tensor([10 / 18, 10 / 9, 10 / 3]))
    assert loss(values(3, seed=1), TARGET).isfinite()


def test_a_task_loss_that_reads_inputs():
    loss = plain("clinical_reconstruction", taps=["fused"])
    schema = Schema({"clinical": ModalitySpec("vector", (2,))}, ("a", "b", "c"))
    loss.build(OutputSpec(3, {"fused": (4,)}), TrainingFacts(schema, (2, 2, 2)))
    output = {"fused": values(4, seed=1), "logits": values(3, seed=2)}
    assert loss(output, TARGET, inputs={"clinical": values(2, seed=3)}) > 0


def test_they_are_modules_with_what_distill_needs():
    loss = KD(temperature=2.0)
    assert isinstance(loss, nn.Module)
    assert issubclass(loss.component, DistillationLoss)
    assert issubclass(Focal.component, TaskLoss)
    assert loss.settings.temperature == 2.0
    assert (loss.taps, RKD().taps, RKD(taps=["a"]).taps) == ((), ("feature",), ("a",))
    built = RKD().build(student=OutputSpec(3, {"deep": (4,)}), teacher=OutputSpec(3, {"other": (2,), "deep": (9,)}))
    assert isinstance(built, DistillationLoss)
    assert built.config.taps == ("deep",)
    assert repr(loss) == "KD(temperature=2.0, standardise=False, confidence=False, reduction='mean')"


def test_an_adapter_is_made_on_the_first_call_and_learns():
    loss = Hint()
    assert not list(loss.parameters())
    student, teacher = values(4, seed=1), values(7, seed=2)
    loss.eval()(student, teacher)
    assert not loss.loss.training
    assert [tuple(value.shape) for value in loss.parameters()] == [(7, 4, 1), (7,)]
    adapter = loss.loss
    loss(student, teacher).backward()
    assert loss.loss is adapter
    assert all(value.grad.any() for value in loss.parameters())
    twin = copy.deepcopy(loss)
    assert torch.equal(twin(student, teacher), loss(student, teacher))


def test_names_in_any_case():
    assert xdistill.losses.kd is KD
    assert xdistill.losses.class_kl is xdistill.losses.CLASSKL is ClassKL
    assert xdistill.losses.DIST is xdistill.losses.Dist
    assert {"KD", "ClassKL", "CrossEntropy", "FeatureMSE", "CAMAttention", "Hint"} <= set(dir(xdistill.losses))
    assert type(pickle.loads(pickle.dumps(CrossEntropy()))) is CrossEntropy  # noqa: S301 - our own bytes


def test_an_unknown_loss():
    with pytest.raises(AttributeError, match=r"no loss `ClasKL`; did you mean `ClassKL`\? Losses: AB, AT, ") as caught:
        _ = xdistill.losses.ClasKL
    assert "Wsld" in str(caught.value)
    with pytest.raises(ImportError):
        exec("from xdistill.losses import Nothing")  # noqa: S102 - what a user would write


@pytest.mark.parametrize(
    ("make", "message", "field"),
    [
        (lambda: KD(temprature=1), "unknown setting `temprature` of KD; did you mean `temperature`?", "temprature"),
        (
            lambda: KD(colour=1),
            "of KD; valid settings: `temperature`, `standardise`, `confidence`, `reduction`",
            "colour",
        ),
        (
            lambda: KD(temperature=0),
            "invalid setting `temperature` of KD: input should be greater than 0",
            "temperature",
        ),
        (lambda: RKD(angel=1), "unknown setting `angel` of RKD; did you mean `angle`?", "angel"),
        (
            lambda: RKD(distance=0, angle=0)(torch.eye(3), torch.eye(3)),
            "`angle` are both 0, so nothing is compared",
            "distance",
        ),
        (lambda: Hint(adapter="none")(torch.eye(3), torch.ones(3, 4)), "3 and 4 channels", "adapter"),
        (lambda: RKD()({}, {}), "the mapping of features is empty", ""),
    ],
)
def test_wrong_settings(make, message, field):
    with pytest.raises(SettingsError) as caught:
        make()
    assert message in str(caught.value)
    assert caught.value.field == field


def test_the_examples_in_the_docstring():
    assert doctest.testmod(xdistill.losses) == (0, 8)
