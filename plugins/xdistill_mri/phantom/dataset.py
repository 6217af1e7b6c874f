"""The data set `hcc_phantom`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer
from pydantic_core import PydanticCustomError

from xdistill.interfaces import Dataset, DatasetFacts, Settings, SubjectRow
from xdistill.types import ModalitySpec, Schema
from xdistill_mri.phantom.anatomy import PHASES, draw_anatomies
from xdistill_mri.phantom.bounds import best_auc
from xdistill_mri.phantom.clinical import clinical_values, columns
from xdistill_mri.phantom.effects import CLASSES, EFFECTS, EffectName
from xdistill_mri.phantom.latents import Latents, draw_latents, grades
from xdistill_mri.phantom.render import lesions, render
from xdistill_mri.reader import Reading, VolumeReader, VolumeReading

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Voxels = Annotated[int, Field(ge=4, le=512)]

_VOXELS_AT_ONCE = 2**18


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
    are independent of each other, more so than in life. What the phases look like stands in
    `xdistill_mri.phantom.render`; how the bounds of `facts` come about in `xdistill_mri.phantom.bounds`.

    With ``image_only`` that many further patients of the same kind follow, who lack all clinical items; they are graded
    among themselves, in the same shares, so that the first patients are those of the cohort without them.

    Effects: ``calibrated`` has the difficulty of published cohorts. In ``strong`` the grades are noisy (0.8 in place of
    0.2), the images show more and the clinical items tell ``r`` nearly exactly: a teacher that reads them sees through
    the noise of the labels, which is when distillation has to win. In ``null`` the items are noise, so that no method
    may gain from them.
    """

    name = "hcc_phantom"
    version: ClassVar[str] = "2"

    class Config(Settings):
        """Settings of the generated cohort."""

        subjects: int = Field(default=270, ge=3, le=1_000_000, description="patients, one subject each")
        effect: EffectName = Field(
            default="calibrated", description="how much image and clinical items tell about the grade"
        )
        shape: tuple[Voxels, Voxels, Voxels] = Field(
            default=(12, 24, 24), description="depth, height and width of both volumes, in voxels"
        )
        seed: int = Field(default=0, ge=0, description="seed of the cohort; another seed, other patients")
        image_only: int = Field(
            default=0, ge=0, le=1_000_000, description="further patients, who have both volumes and no clinical items"
        )
        noise: float = Field(default=1.0, ge=0, le=10, description="factor on the noise of the scanner")

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

        @model_serializer(mode="wrap")
        def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
            """Leave `image_only` out where there are none, so that cohorts from before it existed keep their keys."""
            plain: dict[str, Any] = handler(self)
            return plain if self.image_only else {name: value for name, value in plain.items() if name != "image_only"}

    def __init__(self, config: Config) -> None:
        self.config = config

    def schema(self) -> Schema:
        """Two volumes, one vector, three grades."""
        volume = ModalitySpec(kind="volume", shape=(1, *self.config.shape), unit="z-score")
        items = columns()
        clinical = ModalitySpec(kind="vector", shape=(len(items),), columns=items)
        return Schema(modalities={**dict.fromkeys(PHASES, volume), "clinical": clinical}, classes=CLASSES)

    def index(self) -> Sequence[SubjectRow]:
        """Subjects ``phantom-0001`` and so on, each a patient of its own."""
        names = [f"phantom-{number:04d}" for number in range(1, self.config.subjects + self.config.image_only + 1)]
        pathology = self._latents.pathology
        complete = self.config.subjects
        targets = [*grades(pathology[:complete]), *grades(pathology[complete:])]
        return [SubjectRow(name, name, int(target)) for name, target in zip(names, targets, strict=True)]

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
            self.config.subjects + self.config.image_only, EFFECTS[self.config.effect], self.config.seed
        )

    @cached_property
    def _clinical(self) -> NDArray[np.float32]:
        return clinical_values(self._latents)

    def _render(self, rows: list[int]) -> Iterator[Mapping[str, NDArray[np.generic] | None]]:
        anatomies = draw_anatomies(rows, self.config.seed, self.config.shape)
        volumes = render(self._latents.take(rows), anatomies, self.config.noise)
        for place, row in enumerate(rows):
            clinical = self._clinical[row].copy() if row < self.config.subjects else None
            yield {**{phase: volumes[phase][place] for phase in PHASES}, "clinical": clinical}
