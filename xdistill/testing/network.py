"""The suites of teachers and students."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, cast

from torch import Tensor, nn

from xdistill.interfaces.network import Network
from xdistill.testing.encoder import batch_tensors, joined_batches, without
from xdistill.testing.helpers.module_suite import SUBJECTS, ModuleConformance
from xdistill.testing.helpers.samples import SCHEMA, sample_batch, take, tensors_of
from xdistill.testing.helpers.tensors import require_close, require_finite, seeded
from xdistill.testing.suite import promised, require
from xdistill.types import Batch, Output, Schema


class NetworkConformance(ModuleConformance):
    """What a network has to do.

    Attributes:
        schema: of the cohort that it is built for; a volume ``scan`` and another, ``second_scan``, an image
            ``picture`` and a vector ``table`` unless another is given.
        reads_its_inputs: every modality in `Network.inputs` makes a difference to the logits.
    """

    schema: Schema = SCHEMA
    reads_its_inputs: ClassVar[bool] = True

    def built(self, *, seed: int = 0) -> nn.Module:
        """The network."""
        with seeded(seed):
            network: nn.Module = self.choice().build(schema=self.schema)
        return network

    @property
    def inputs(self) -> tuple[str, ...]:
        """The modalities that the network asks for."""
        return cast("Network", self.built()).inputs

    def sample(self, *, seed: int = 0) -> Batch:
        """Subjects as the trainer passes them: the network's own modalities, no target."""
        return sample_batch(self.schema, subjects=SUBJECTS, seed=seed).restricted_to(self.inputs)

    def take(self, sample: Batch, rows: list[int]) -> Batch:
        """Some subjects."""
        return take(sample, rows)

    def joined(self, first: Batch, second: Batch) -> Batch:
        """The subjects of both."""
        return joined_batches(first, second)

    def tensors(self, sample: Batch) -> Mapping[str, Tensor]:
        """The inputs, and which subjects have them."""
        return batch_tensors(sample)

    def call(self, module: nn.Module, sample: Batch) -> dict[str, Tensor]:
        """Logits, features and auxiliary logits."""
        output: Any = module(sample)
        require(isinstance(output, Output), f"a network returns an Output, not {type(output).__name__}")
        return tensors_of(output)

    def test_it_is_given_its_modalities_alone(self) -> None:
        """It asks for modalities of the cohort, and needs no other and no target."""
        inputs: Any = self.inputs
        require(isinstance(inputs, tuple) and bool(inputs), f"`inputs` names modalities in a tuple, not {inputs!r}")
        unknown = set(inputs) - set(self.schema.modalities)
        require(not unknown, f"`inputs` names {sorted(unknown)}, which the cohort does not have")
        self.evaluated(self.built(), self.sample())

    @promised("reads_its_inputs")
    def test_every_input_matters(self) -> None:
        """A modality that it asks for and ignores would only look as if it helped."""
        network, sample, other = self.built(), self.sample(), self.sample(seed=1)
        logits = self.evaluated(network, sample)["logits"]
        for name in sample.inputs:
            changed = replace(sample, inputs={**sample.inputs, name: other.inputs[name]})
            same = bool((self.evaluated(network, changed)["logits"] == logits).all())
            require(not same, f"the logits do not depend on {name}")

    def test_ids_do_not_matter(self) -> None:
        """Subject ids must not affect the output."""
        network, sample = self.built(), self.sample()
        renamed = replace(sample, subjects=tuple(f"renamed-{place}" for place in range(SUBJECTS)))
        first, second = self.evaluated(network, sample), self.evaluated(network, renamed)
        require_close(first, second, "the same subjects under other ids")

    def test_shapes(self) -> None:
        """The logits are as wide as the task needs; features and auxiliary logits have one row per subject."""
        outputs = self.schema.task.outputs
        result = self.evaluated(self.built(), self.sample())
        for name, value in result.items():
            if name == "logits" or name.startswith("aux"):
                shape = tuple(value.shape)
                require(shape == (SUBJECTS, outputs), f"{name} are {shape}; expected {(SUBJECTS, outputs)}")
            require(len(value) == SUBJECTS, f"{name} has {len(value)} rows for {SUBJECTS} subjects")

    def test_training_has_the_same_outputs(self) -> None:
        """Losses were checked against the taps of eval mode; in training the same are there, of the same shapes."""
        network, sample = self.built(), self.sample()
        shapes = {name: tuple(value.shape) for name, value in self.evaluated(network, sample).items()}
        with seeded():
            training = {name: tuple(value.shape) for name, value in self.call(network.train(), sample).items()}
        require(shapes == training, f"{shapes} in eval mode became {training} in training")

    def test_absent_modalities(self) -> None:
        """Subjects without a modality, which hold zeros there, get an output too."""
        network, sample = self.built(), self.sample()
        for name in sample.inputs:
            require_finite(self.evaluated(network, without(sample, name)), f"subjects without {name}")


class TeacherConformance(NetworkConformance):
    """What a teacher has to do."""

    kind = "teacher"


class StudentConformance(NetworkConformance):
    """What a student has to do."""

    kind = "student"
