"""The data set `lesions_2d`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from xdistill.interfaces import Dataset, DatasetFacts, Settings, SubjectRow
from xdistill.types import ColumnSpec, ModalitySpec, Schema
from xdistill_mri.lesions.render import draw_picture
from xdistill_mri.lesions.truth import CLASSES, CRITERIA, best_auc, logits, scores, share
from xdistill_mri.preprocess.settings import Preprocess
from xdistill_mri.reader import Reading, VolumeReader, VolumeReading

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LABELS, _PICTURES = 1, 2  # streams of random numbers


class Lesions2D(Dataset):
    r"""Generated colour pictures of skin lesions, with the clinical criteria as a vector, and known truth.

    No lesion is real. Each has five independent standard normal criteria :math:`z`, and

    .. math::
        P(\text{malignant}) = \sigma(w^\top z - 0.5), \qquad \text{score}_j = 10\,\sigma(1.5 z_j)

    The picture shows the criteria (an asymmetric outline, a ragged border, dark spots, the size, a blue veil) on skin,
    with light, colours, hairs and noise that tell nothing. Given the criteria it is independent of the label, so that
    the best possible score of the criteria, in `facts`, is a bound for the picture as well. The label is random given
    the criteria: a teacher that reads the scores knows the probability where a student sees one draw.
    """

    name = "lesions_2d"
    version: ClassVar[str] = "1"

    class Config(Settings):
        """Settings of the generated cohort."""

        subjects: int = Field(default=300, ge=4, le=1_000_000, description="lesions, each of a patient of its own")
        size: int = Field(default=24, ge=8, le=512, description="height and width of the pictures, in pixels")
        strength: float = Field(default=1.0, ge=0, le=10, description="factor on the weights of the criteria")
        noise: float = Field(default=0.03, ge=0, le=1, description="standard deviation of the camera's noise")
        test: int = Field(
            default=0, ge=0, le=1_000_000, description="further lesions, which are the test part of an official split"
        )
        seed: int = Field(default=0, ge=0, description="seed of the cohort; another seed generates other lesions")

    def __init__(self, config: Config) -> None:
        self.config = config

    def schema(self) -> Schema:
        """A colour picture, the scores of the criteria, two classes."""
        columns = tuple(ColumnSpec(name) for name in CRITERIA)
        return Schema(
            {
                "photo": ModalitySpec("image", (3, self.config.size, self.config.size)),
                "criteria": ModalitySpec("vector", (len(columns),), columns),
            },
            CLASSES,
        )

    def index(self) -> Sequence[SubjectRow]:
        """Subjects ``lesion-0001`` and so on, each a patient of its own."""
        probability = 1 / (1 + np.exp(-logits(self._latents, self.config.strength)))
        malignant = np.random.default_rng([self.config.seed, _LABELS]).random(len(probability)) < probability
        return [SubjectRow(name, name, int(target)) for name, target in zip(self._names(), malignant, strict=True)]

    def official_test(self) -> Sequence[str] | None:
        """The further lesions of `test`; None where there are none."""
        return self._names()[self.config.subjects :] if self.config.test else None

    @classmethod
    def generated(cls, settings: Settings, *, train: int, test: int, seed: int) -> Settings | None:
        """The same generator with another seed."""
        changed = {**settings.model_dump(mode="json"), "subjects": train, "test": test, "seed": seed}
        return cls.Config.model_validate(changed)

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """The picture and the scores of one lesion."""
        generator = np.random.default_rng([self.config.seed, _PICTURES, row])
        picture = draw_picture(share(self._latents[row]), self.config.size, self.config.noise, generator)
        return {"photo": picture, "criteria": scores(self._latents[row])}

    def reader_settings(self, modalities: Sequence[str]) -> Mapping[str, Any]:
        """Pictures from files, resized to the cohort's size."""
        resized = Preprocess(kind="image", colour="rgb", size=(self.config.size, self.config.size), fit="area")
        volumes = {name: VolumeReading(column=name, preprocess=resized) for name in modalities if name == "photo"}
        return Reading(volumes=volumes).model_dump(mode="json")

    @classmethod
    def reader(cls, settings: Mapping[str, Any], schema: Schema) -> VolumeReader:
        """Reads pictures of new subjects from files."""
        return VolumeReader(settings, schema)

    def facts(self) -> DatasetFacts:
        """Says that the cohort is generated, and the best possible score on it."""
        return DatasetFacts(
            title=f"Synthetic cohort: {self.config.subjects} generated pictures of skin lesions, none of them real "
            f"(lesions_2d, seed {self.config.seed})",
            synthetic=True,
            source="Generated by xdistill from a model whose truth is known; free to use.",
            bounds={"criteria": best_auc(self.config.strength)},
        )

    @cached_property
    def _latents(self) -> NDArray[np.float64]:
        """Latent criteria, ``(subjects, criteria)``; the first are the same whatever their number."""
        count = self.config.subjects + self.config.test
        return np.random.default_rng(self.config.seed).standard_normal((count, len(CRITERIA)))

    def _names(self) -> list[str]:
        return [f"lesion-{number:04d}" for number in range(1, self.config.subjects + self.config.test + 1)]
