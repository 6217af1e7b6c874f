"""The data set `hcc_phantom`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from xdistill.interfaces import Dataset, DatasetFacts, Labels, LabelTable, Settings, SubjectRow, TaskSettings
from xdistill.tasks import Classification
from xdistill.types import ModalitySpec, Schema
from xdistill_mri.phantom.anatomy import PHASES, draw_anatomies
from xdistill_mri.phantom.bounds import best_auc, grade_cuts, posterior
from xdistill_mri.phantom.clinical import clinical_values, columns
from xdistill_mri.phantom.effects import CLASSES, EFFECTS, EffectName
from xdistill_mri.phantom.latents import Latents, draw_latents, grades
from xdistill_mri.phantom.render import lesions, render
from xdistill_mri.reader import Reading, VolumeReader, VolumeReading

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRUTH = "truth"
_LEAST = 1e-7  # probability

Voxels = Annotated[int, Field(ge=4, le=512)]

_VOXELS_AT_ONCE = 2**18
_NEWER = frozenset({"image_only", "test", "truth", "task"})


class HccPhantom(Dataset):
    r"""A generated cohort of liver cancer patients: two MRI phases and 52 clinical items, with known truth.

    No patient is real. Each has a latent invasiveness ``r`` and

    .. math::
        r &\sim N(0, 1) \\
        \text{grade} &= \text{cut}(r + \sigma\epsilon),\; \sigma = 0.2
            && \text{so that 270 patients are 128 M0, 93 M1, 49 M2} \\
        u_\text{hbp} &= (a\,r + \epsilon) / \sqrt{a^2 + 1}
            && \text{drives the hepatobiliary phase} \\
        u_\text{pre} &= (b\,r + \epsilon) / \sqrt{b^2 + 1},\; b < a
            && \text{drives the pre-contrast phase} \\
        c_j &= (g_j\,r + \epsilon) / \sqrt{g_j^2 + 1}
            && \text{item } j = \text{monotone}_j(c_j) \text{, or its category} \\
        \text{missing}_j &= [\epsilon + \beta_j c_j > \text{cut}_j]
            && \text{5 to 10 \% of each item; } \beta_j = 0 \text{: at random}

    with an independent standard normal ``epsilon`` at each place. A few items the radiologist reads off the images
    follow ``u_hbp`` or the lesion's size instead of ``r``: they restate what the images show. Given ``r`` the items
    are independent of each other, more so than in life. The appearance of the phases is described in
    `xdistill_mri.phantom.render`; how the bounds of `facts` come about in `xdistill_mri.phantom.bounds`.

    With ``image_only`` that many further patients of the same kind follow, who lack all clinical items; they are graded
    among themselves, in the same shares, so that the first patients are those of the cohort without them.

    With ``test`` that many further patients are the official test part. All patients are then graded by the same cuts
    of ``r``, those of a population, so that they are independent of each other; counts of grades are random.

    With ``truth`` there is one more modality: the log probability of each grade given ``u_hbp``, ``u_pre`` and the
    clinical items, which is all that any teacher could learn to tell.

    A recipe's `task` reads the columns ``grade``, the classes, and ``invasiveness``, the number r.

    Effects: ``calibrated`` has the difficulty of published cohorts. In ``strong`` the grades are noisy (0.8 in place of
    0.2), the images show more and the clinical items tell ``r`` nearly exactly: a teacher that reads them sees through
    the noise of the labels, which is when distillation has to win. In ``null`` the items are noise, so that no method
    may gain from them.
    """

    name = "hcc_phantom"
    version: ClassVar[str] = "2"

    class Config(TaskSettings):
        """Settings of the generated cohort."""

        subjects: int = Field(default=270, ge=3, le=1_000_000, description="patients, one subject each")
        effect: EffectName = Field(
            default="calibrated", description="how much image and clinical items tell about the grade"
        )
        shape: tuple[Voxels, Voxels, Voxels] = Field(
            default=(12, 24, 24), description="depth, height and width of both volumes, in voxels"
        )
        seed: int = Field(default=0, ge=0, description="seed of the cohort; another seed generates other patients")
        image_only: int = Field(
            default=0, ge=0, le=1_000_000, description="further patients, who have both volumes and no clinical items"
        )
        noise: float = Field(default=1.0, ge=0, le=10, description="factor on the noise of the scanner")
        test: int = Field(
            default=0, ge=0, le=1_000_000, description="further patients, who are the test part of an official split"
        )
        truth: bool = Field(
            default=False,
            description="add the modality `truth`: log probabilities of the grades given all that a teacher can see",
        )

        @field_validator("effect", mode="before")
        @classmethod
        def _null_is_a_name(cls, value: object) -> object:
            """YAML reads `null` without quotes as nothing, and the effect of that name is meant."""
            return "null" if value is None else value

        @field_validator("image_only")
        @classmethod
        def _every_grade(cls, count: int) -> int:
            """Fewer than three cannot have all three grades."""
            if 0 < count < len(CLASSES):
                raise PydanticCustomError(
                    "too_few_image_only",
                    "must be 0, or at least {least} so that every grade occurs, got {count}",
                    {"least": len(CLASSES), "count": count},
                )
            return count

        @model_validator(mode="after")
        def _one_kind_of_further_patients(self) -> HccPhantom.Config:
            if self.test and self.image_only:
                raise PydanticCustomError(
                    "test_or_image_only", "`test` and `image_only` exclude each other; set one of them", {}
                )
            return self

        @model_serializer(mode="wrap")
        def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
            """Leave out newer fields at their defaults, so that cohorts from before they existed keep their keys."""
            plain: dict[str, Any] = handler(self)
            return {name: value for name, value in plain.items() if name not in _NEWER or value}

    def __init__(self, config: Config) -> None:
        self.config = config

    def schema(self) -> Schema:
        """Two volumes, one vector, three grades; with `truth` a second vector."""
        volume = ModalitySpec(kind="volume", shape=(1, *self.config.shape), unit="z-score")
        items = columns()
        clinical = ModalitySpec(kind="vector", shape=(len(items),), columns=items)
        modalities = {**dict.fromkeys(PHASES, volume), "clinical": clinical}
        if self.config.truth:
            modalities[TRUTH] = ModalitySpec(kind="vector", shape=(len(CLASSES),))
        return Schema(modalities=modalities, task=self._labels.task)

    def index(self) -> Sequence[SubjectRow]:
        """Subjects ``phantom-0001`` and so on, each a patient of its own."""
        return [SubjectRow(name, name, one) for name, one in zip(self._names(), self._labels.targets, strict=True)]

    def official_test(self) -> Sequence[str] | None:
        """The further patients of `test`; None where there are none."""
        return self._names()[self.config.subjects :] if self.config.test else None

    @classmethod
    def generated(cls, settings: Settings, *, train: int, test: int, seed: int) -> Settings | None:
        """The same generator with another seed."""
        changed = {**settings.model_dump(mode="json"), "subjects": train, "test": test, "seed": seed}
        return cls.Config.model_validate(changed)

    def _names(self) -> list[str]:
        return [f"phantom-{number:04d}" for number in range(1, len(self._latents.invasiveness) + 1)]

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """The volumes and items of one subject."""
        return next(self.load_many([row]))

    def load_many(self, rows: Sequence[int]) -> Iterator[Mapping[str, NDArray[np.generic] | None]]:
        """The volumes and items of several subjects, rendered some at a time in bounded memory."""
        depth, height, width = self.config.shape
        at_once = max(1, _VOXELS_AT_ONCE // (depth * height * width))
        for start in range(0, len(rows), at_once):
            yield from self._render(list(rows[start : start + at_once]))

    def lesions(self, rows: Sequence[int]) -> Mapping[str, NDArray[np.bool_]]:
        """Where the lesion of some subjects is in each phase, ``(subjects, depth, height, width)``."""
        return lesions(self._latents.take(list(rows)), draw_anatomies(list(rows), self.config.seed, self.config.shape))

    def reader_settings(self, modalities: Sequence[str]) -> Mapping[str, Any]:
        """Both phases from files of the cohort's shape, as they are."""
        return Reading(volumes={name: VolumeReading(column=name) for name in modalities if name in PHASES}).model_dump(
            mode="json"
        )

    @classmethod
    def reader(cls, settings: Mapping[str, Any], schema: Schema) -> VolumeReader:
        """Reads volumes of new subjects from files."""
        return VolumeReader(settings, schema)

    def facts(self) -> DatasetFacts:
        """Says that the cohort is generated, and the best possible scores on it."""
        more = f" and {self.config.image_only} without clinical items" if self.config.image_only else ""
        return DatasetFacts(
            title=f"Synthetic cohort: {self.config.subjects} generated patients{more}, none of them real "
            f"(hcc_phantom, effect {self.config.effect}, seed {self.config.seed})",
            synthetic=True,
            source="Generated by xdistill from a model whose truth is known; free to use.",
            bounds=dict(best_auc(self.config.effect)),
        )

    @cached_property
    def _latents(self) -> Latents:
        return draw_latents(
            self.config.subjects + self.config.image_only + self.config.test,
            EFFECTS[self.config.effect],
            self.config.seed,
        )

    @cached_property
    def _labels(self) -> Labels:
        """The task and the targets; grades unless the recipe names another task."""
        targets = self._grades()
        if self.config.task is None:
            return Labels(Classification(CLASSES), targets)
        columns = {
            "grade": [CLASSES[target] for target in targets],
            "invasiveness": [repr(float(value)) for value in self._latents.invasiveness],
        }
        return self.config.task.build().read(LabelTable(columns, "grade", row="patient"))

    def _grades(self) -> tuple[int, ...]:
        pathology, complete = self._latents.pathology, self.config.subjects
        if self.config.test:
            return tuple(map(int, np.digitize(pathology, grade_cuts(EFFECTS[self.config.effect].pathology))))
        return (*map(int, grades(pathology[:complete])), *map(int, grades(pathology[complete:])))

    @cached_property
    def _clinical(self) -> NDArray[np.float32]:
        return clinical_values(self._latents)

    @cached_property
    def _truth(self) -> NDArray[np.float32]:
        probability = posterior(self._latents, EFFECTS[self.config.effect], clinical=True)
        return np.log(np.maximum(probability, _LEAST)).astype(np.float32)

    def _render(self, rows: list[int]) -> Iterator[Mapping[str, NDArray[np.generic] | None]]:
        anatomies = draw_anatomies(rows, self.config.seed, self.config.shape)
        volumes = render(self._latents.take(rows), anatomies, self.config.noise)
        for place, row in enumerate(rows):
            complete = row < self.config.subjects or not self.config.image_only
            vectors = {"clinical": self._clinical[row].copy() if complete else None}
            if self.config.truth:
                vectors[TRUTH] = self._truth[row].copy()
            yield {**{phase: volumes[phase][place] for phase in PHASES}, **vectors}
