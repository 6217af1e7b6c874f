"""The suite of estimators."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from xdistill.interfaces.fitted import Estimator
from xdistill.testing.helpers.module_suite import SUBJECTS, ModuleConformance
from xdistill.testing.helpers.samples import CLASSES
from xdistill.testing.helpers.tensors import copied, require_equal, require_finite, seeded
from xdistill.testing.suite import promised, require

_TRAINING = 60
_SAMPLES = 20  # of vectors
_ROUNDING = 1e-4  # by which logits may differ
_CHANCE = 0.6  # accuracy that is not reached by chance on the generated subjects


class EstimatorConformance(ModuleConformance):
    """What an estimator has to do. All checks but one are of a fitted one.

    Attributes:
        inputs: length of the vectors.
        outputs: how many logits it is built for.
        learns: on subjects whose vector determines their class, it is right more often than by chance.

    An estimator whose `tasks` have no classification is fitted to numbers instead, three per subject.
    """

    kind = "estimator"
    inputs: int = 6
    outputs: int = len(CLASSES)
    learns: ClassVar[bool] = True

    def unfitted(self, *, seed: int = 0) -> Estimator:
        """The estimator as a network builds it."""
        with seeded(seed):
            estimator: Estimator = self.choice().build(inputs=self.inputs, classes=self.outputs)
        return estimator

    def built(self, *, seed: int = 0) -> nn.Module:
        """The estimator, fitted to training subjects of this seed."""
        estimator = self.unfitted()
        estimator.fit(*self.training(seed=seed), seed=seed)
        return estimator

    def training(self, *, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Vectors that tell their class, and the classes."""
        generator = torch.Generator().manual_seed(seed)
        target = torch.arange(_TRAINING) % len(CLASSES)
        vectors = torch.randn((_TRAINING, self.inputs), generator=generator)
        vectors[torch.arange(_TRAINING), target % self.inputs] += 3.0
        if self._of_numbers:
            return vectors, functional.one_hot(target, len(CLASSES)).float() - 1 / len(CLASSES)
        return vectors, target

    @property
    def _of_numbers(self) -> bool:
        component: Any = self.component
        return "classification" not in component.tasks

    def sample(self, *, seed: int = 0) -> Tensor:
        """Vectors."""
        return torch.randn((SUBJECTS, self.inputs), generator=torch.Generator().manual_seed(seed))

    def take(self, sample: Tensor, rows: list[int]) -> Tensor:
        """Some subjects."""
        return sample[rows]

    def joined(self, first: Tensor, second: Tensor) -> Tensor:
        """The subjects of both."""
        return torch.cat([first, second])

    def tensors(self, sample: Tensor) -> dict[str, Tensor]:
        """The vectors."""
        return {"inputs": sample}

    def halved(self, sample: Tensor) -> Tensor:
        """Vectors in bfloat16, as the layers before give them."""
        return sample.bfloat16()

    def call(self, module: nn.Module, sample: Tensor) -> dict[str, Tensor]:
        """The logits."""
        logits: Any = module(sample)
        require(isinstance(logits, Tensor), f"an estimator returns a tensor, not {type(logits).__name__}")
        return {"logits": logits}

    def test_shapes(self) -> None:
        """One logit per class, fitted or not yet."""
        for estimator in (self.unfitted(), self.built()):
            result = self.evaluated(estimator, self.sample())
            shape = tuple(result["logits"].shape)
            require(shape == (SUBJECTS, self.outputs), f"the logits are {shape}, not {(SUBJECTS, self.outputs)}")
            require_finite(result, "made-up subjects")

    def test_nothing_is_left_to_gradients(self) -> None:
        """What `fit` learns is in buffers: a parameter would be trained by the next stage."""
        names = [name for name, parameter in self.built().named_parameters() if parameter.requires_grad]
        require(not names, f"trainable parameters: {', '.join(names)}")

    def test_fitting_repeats_itself(self) -> None:
        """The same subjects and the same seed give the same bits."""
        first = self.built()
        torch.rand(1)
        second = self.built()
        require_equal(copied(first.state_dict()), copied(second.state_dict()), "fitted again with the same seed")

    def test_fitting_leaves_the_subjects_alone(self) -> None:
        """Other stages read the same vectors after this one."""
        vectors, target = self.training()
        before = copied({"inputs": vectors, "target": target})
        self.unfitted().fit(vectors, target, seed=0)
        require_equal(before, copied({"inputs": vectors, "target": target}), "after `fit`")

    def test_state_survives_a_round_trip(self) -> None:
        """One that was never fitted loads the state of one that was: buffers have their final shapes."""
        first, second, sample = self.built(), cast("nn.Module", self.unfitted(seed=1)), self.sample()
        second.load_state_dict(copied(first.state_dict()))
        require_equal(self.evaluated(first, sample), self.evaluated(second, sample), "after a state-dict round trip")

    def test_what_is_traced_gives_the_same(self) -> None:
        """`traceable` has the same output as the estimator, for any values: an exported file computes it."""
        estimator = cast("Estimator", self.built())
        traced = estimator.traceable()
        if traced is estimator:
            return
        sample = torch.cat([self.sample(seed=seed) for seed in range(_SAMPLES)])
        wanted = self.evaluated(estimator, sample)["logits"]
        found = self.evaluated(traced, sample)["logits"]
        require(found.shape == wanted.shape, f"it gives {tuple(found.shape)}, and the estimator {tuple(wanted.shape)}")
        largest = float((found - wanted).abs().max())
        require(largest <= _ROUNDING, f"its logits differ from the estimator's by up to {largest:.2g}")

    @promised("learns")
    def test_it_learns(self) -> None:
        """Its predictions are correct for subjects whose class can be predicted."""
        vectors, target = self.training(seed=1)
        answers = self.evaluated(self.built(), vectors)["logits"].argmax(dim=1)
        classes = target.argmax(dim=1) if self._of_numbers else target
        share = float((answers == classes).double().mean())
        require(share > _CHANCE, f"right for {share:.0%} of subjects whose vector determines their class")
