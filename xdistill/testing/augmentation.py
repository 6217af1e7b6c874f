"""The suite of augmentations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from xdistill.interfaces.augmentation import Augmentation
from xdistill.testing.helpers.samples import SCHEMA, sample_batch
from xdistill.testing.helpers.tensors import copied, require_equal, require_finite
from xdistill.testing.suite import Conformance, promised, require
from xdistill.types import ModalitySpec

_SUBJECTS = 6


class AugmentationConformance(Conformance):
    """What an augmentation has to do.

    Attributes:
        modalities: of the made-up cohort; ``scan``, ``second_scan``, ``picture`` and ``table`` unless others are given.
        affected: the modalities that these settings change; all others have to stay as they are.
        changes: with these settings something is changed at all.
    """

    kind = "augmentation"
    component: ClassVar[type[Augmentation]]
    modalities: Mapping[str, ModalitySpec] = SCHEMA.modalities
    affected: Sequence[str] = ()
    changes: ClassVar[bool] = True

    def augmented(self, inputs: Mapping[str, Tensor], *, seed: int = 0) -> Mapping[str, Tensor]:
        """The inputs, changed with a generator of this seed."""
        augmentation = self.choice().build(modalities=self.modalities)
        changed: Any = augmentation(inputs, torch.Generator().manual_seed(seed))
        require(isinstance(changed, Mapping), f"an augmentation returns a mapping, not {type(changed).__name__}")
        return dict(changed)

    def inputs(self, subjects: int = _SUBJECTS) -> dict[str, Tensor]:
        """Made-up subjects."""
        schema = replace(SCHEMA, modalities=self.modalities)
        return dict(sample_batch(schema, subjects=subjects).inputs)

    def test_shapes_stay(self) -> None:
        """The same modalities come back, of the same shapes and types, without NaN; also for one subject."""
        for subjects in (1, _SUBJECTS):
            inputs = self.inputs(subjects)
            changed = self.augmented(inputs)
            require(set(changed) == set(inputs), f"{sorted(inputs)} became {sorted(changed)}")
            for name, value in changed.items():
                before, after = (tuple(inputs[name].shape), inputs[name].dtype), (tuple(value.shape), value.dtype)
                require(before == after, f"{name} was {before} and became {after}")
            require_finite(changed, f"{subjects} subjects")

    def test_the_same_generator_gives_the_same_result(self) -> None:
        """All randomness comes from the generator, whatever was drawn elsewhere before."""
        first = self.augmented(self.inputs())
        torch.rand(1)
        require_equal(first, self.augmented(self.inputs()), "with a generator of the same seed")

    def test_no_other_randomness_is_used_up(self) -> None:
        """The numbers that the rest of the program draws stay what they are."""
        before = torch.get_rng_state()
        self.augmented(self.inputs())
        require(torch.equal(before, torch.get_rng_state()), "torch's own random numbers were drawn from")

    @promised("changes")
    def test_another_seed_gives_another_result(self) -> None:
        """It does something, and not always the same."""
        results = [self.augmented(self.inputs(), seed=seed) for seed in range(3)]
        different = any(not torch.equal(results[0][name], other[name]) for other in results[1:] for name in other)
        require(different, "three seeds give the same result")

    def test_only_its_modalities_change(self) -> None:
        """What the settings do not name stays as it is."""
        inputs = self.inputs()
        changed = self.augmented(inputs)
        others = {name: value for name, value in inputs.items() if name not in self.affected}
        require_equal(others, {name: changed[name] for name in others}, "a modality that is not in `affected`")

    def test_it_follows_the_inputs_to_their_device(self) -> None:
        """With ``on_device``, nothing stays on the processor; shown on torch's device without values.

        One that looks at values cannot be shown there, and passes.
        """
        if not self.component.on_device:
            return
        inputs = {name: value.to("meta") for name, value in self.inputs().items()}
        try:
            changed = self.augmented(inputs)
        except RuntimeError as error:
            require("meta tensors" in str(error), f"on_device is True, and inputs of another device fail: {error}")
            return
        places = {name: value.device.type for name, value in changed.items()}
        require(set(places.values()) == {"meta"}, f"on_device is True, and inputs came back on {places}")

    def test_inputs_are_left_alone(self) -> None:
        """The tensors that come in stay as they are: the loader may return them again."""
        inputs = self.inputs()
        before = copied(inputs)
        self.augmented(inputs)
        require_equal(before, copied(inputs), "the inputs after a call")
