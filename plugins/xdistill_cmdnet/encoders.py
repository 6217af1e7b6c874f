"""CMD-Net's two branches: an image with clinical data, and an image alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from jaxtyping import Bool, Float
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer
from torch import Tensor

from xdistill.errors import SettingsError
from xdistill.interfaces.encoder import Encoder, Encoding
from xdistill.types import ModalitySpec
from xdistill_cmdnet.clinical import ClinicalFactors
from xdistill_cmdnet.trunk import Pool, Trunk, TrunkShape, Where, scaled_channels

_NEWER = {"blocks": 4, "stem_stride": 1}
_IMAGE_KINDS = {"image": 3, "volume": 4}


class TrunkConfig(Encoder.Config):
    """Settings of the trunk."""

    width: Annotated[float, Field(gt=0)] = Field(
        default=1.0, description="factor of the blocks' channels, which are 64, 128, 256 and 256 at width 1"
    )
    features: Annotated[int, Field(ge=1)] = Field(default=512, description="length of the branch's vector")
    pool: Pool = Field(default="average", description="the last map is averaged over positions, or flattened")
    blocks: int = Field(default=4, ge=1, le=4, description="how many of the four blocks; fewer for small volumes")
    stem_stride: Literal[1, 2] = Field(
        default=1, description="stride of the first convolution; 2 computes an eighth of its positions in a volume"
    )

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out newer fields at their defaults, so that runs from before they existed keep their ids."""
        plain: dict[str, Any] = handler(self)
        return {name: value for name, value in plain.items() if _NEWER.get(name) != value}


class MriOnly(Encoder):
    """A volume (or a 2-D image) through the trunk: the student's branch."""

    name = "mri_only"
    config: Config

    class Config(TrunkConfig):
        """One image modality in ``inputs``."""

    def __init__(self, config: Config, *, inputs: Mapping[str, ModalitySpec]) -> None:
        super().__init__(config, inputs=inputs)
        images = image_names(inputs)
        if len(config.inputs) != 1 or len(images) != 1:
            raise SettingsError(f"{self.name} reads one volume or image, not {_listed(inputs)}", field="inputs")
        self.image = images[0]
        sizes = _sizes(config, inputs[self.image])
        self.trunk = Trunk(sizes, pool=config.pool, where=None)
        self.width, self.map_channels = sizes.features, sizes.channels[-1]

    def forward(
        self, inputs: Mapping[str, Float[Tensor, "batch ..."]], present: Mapping[str, Bool[Tensor, " batch"]]
    ) -> Encoding:
        """Encode a batch; an absent image is zeros."""
        del present
        encoding: Encoding = self.trunk(inputs[self.image])
        return encoding


class MriClinicalFusion(Encoder):
    """A volume (or a 2-D image) through the trunk, its channels multiplied by factors from clinical items."""

    name = "mri_clinical_fusion"
    config: Config

    class Config(TrunkConfig):
        """One image modality and one vector in ``inputs``."""

        chain: bool = Field(
            default=True, description="clinical layers in a chain; false: each reads the clinical items themselves"
        )
        where: Where = Field(
            default="before_norm",
            description="multiply the result of a block's second convolution, or that of the whole block",
        )

    def __init__(self, config: Config, *, inputs: Mapping[str, ModalitySpec]) -> None:
        super().__init__(config, inputs=inputs)
        images = image_names(inputs)
        vectors = [name for name, spec in inputs.items() if spec.kind == "vector"]
        if len(config.inputs) != 2 or len(images) != 1 or len(vectors) != 1:  # noqa: PLR2004 - an image, a vector
            raise SettingsError(
                f"{self.name} reads one volume or image and one vector, not {_listed(inputs)}; for an image alone use "
                f"mri_only or image_only",
                field="inputs",
            )
        self.image, self.vector = images[0], vectors[0]
        sizes = _sizes(config, inputs[self.image])
        self.trunk = Trunk(sizes, pool=config.pool, where=config.where)
        self.clinical = ClinicalFactors(inputs[self.vector].shape[0], sizes.channels, chain=config.chain)
        self.width, self.map_channels = sizes.features, sizes.channels[-1]

    def forward(
        self, inputs: Mapping[str, Float[Tensor, "batch ..."]], present: Mapping[str, Bool[Tensor, " batch"]]
    ) -> Encoding:
        """Encode a batch; an absent image is zeros, absent clinical data multiply by one."""
        factors: list[Tensor] = self.clinical(inputs[self.vector], present[self.vector])
        encoding: Encoding = self.trunk(inputs[self.image], factors)
        return encoding

    def clinical_signature(self) -> tuple[object, ...]:
        """Equal in encoders whose clinical layers read the same modality and have the same sizes."""
        shapes = tuple(tuple(parameter.shape) for parameter in self.clinical.parameters())
        return self.vector, self.clinical.chain, shapes

    def use_clinical_layers_of(self, other: MriClinicalFusion) -> None:
        """Use the clinical layers of another branch.

        They are held by a plain reference that PyTorch does not register, so that they are counted, trained and saved
        once.
        """
        del self.clinical
        object.__setattr__(self, "clinical", other.clinical)


class ImageOnly(MriOnly):
    """The same as `mri_only`, by a name that fits pictures: the trunk has two dimensions where its input has."""

    name = "image_only"


class ImageClinicalFusion(MriClinicalFusion):
    """The same as `mri_clinical_fusion`, by a name that fits pictures."""

    name = "image_clinical_fusion"


def image_names(inputs: Mapping[str, ModalitySpec]) -> list[str]:
    """The modalities that a trunk can read, in order."""
    return [name for name, spec in inputs.items() if _IMAGE_KINDS.get(spec.kind) == len(spec.shape)]


def _sizes(config: TrunkConfig, spec: ModalitySpec) -> TrunkShape:
    channels = scaled_channels(config.width)[: config.blocks]
    return TrunkShape(spec.shape, channels, features=config.features, stem_stride=config.stem_stride)


def _listed(inputs: Mapping[str, ModalitySpec]) -> str:
    found = [f"{name} ({spec.kind}, {'x'.join(map(str, spec.shape))})" for name, spec in inputs.items()]
    return ", ".join(found) or "nothing"
