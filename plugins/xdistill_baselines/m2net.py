"""M2Net: volumes as images of three channels, and bilinear pooling between modalities."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.network import Student, modality_of
from xdistill.types import Batch, Output, Schema
from xdistill_baselines.bilinear import CompactBilinearPooling
from xdistill_baselines.branches import FUSED, SHARED, usable_name
from xdistill_baselines.resnet import ResNet

_VOLUME_AXES = 4
_LAST_MAP_IS_ONE_POSITION = 32


class M2Net(Student):
    """Each volume is summed along its three axes into one image of three channels and read by a network of its own.

    After Zhou et al., M2Net: multi-modal multi-channel network for overall survival time prediction of brain tumor
    patients, MICCAI 2020.

    From the source: volumes projected onto images in several directions, which are channels; one network per modality;
    a branch shared by the modalities, which fuses their features by bilinear pooling; the outputs of the modalities and
    of the shared branch are integrated to the prediction. Inferred: projections are sums, and are brought to one size
    by bilinear interpolation; ResNet-18; compact bilinear pooling with signed square root and L2 norm; the softmax
    outputs of all heads, concatenated, go through one fully connected layer, which starts as their sum; all other
    weights start at random, where the source can begin with weights learned on other images.

    Auxiliary outputs: the logits of each modality's head under the modality's name, and ``shared``. Taps: each
    modality's vector, and ``fused``, the pooled one.

    Raises:
        SettingsError: for modalities that are not volumes, and for training on one subject at a time.
    """

    name = "m2net"
    config: Config

    class Config(Settings):
        """Modalities and sizes."""

        modalities: Annotated[tuple[str, ...], Field(min_length=2)] = Field(description="volumes, two or more")
        width: Annotated[float, Field(gt=0)] = Field(
            default=1.0, description="factor of the ResNets' channels, which are 64, 128, 256 and 512 at width 1"
        )
        image_size: Annotated[int, Field(ge=8)] | None = Field(
            default=None, description="height and width of the projections; null: the volumes' longest axis"
        )
        bilinear_features: Annotated[int, Field(ge=2)] = Field(default=1024, description="length of the pooled vector")
        pretrained: bool = Field(
            default=False, description="only false: pretrained weights would not be comparable with the other baselines"
        )

        @field_validator("modalities")
        @classmethod
        def _usable_names(cls, modalities: tuple[str, ...]) -> tuple[str, ...]:
            for name in modalities:
                if not usable_name(name):
                    raise ValueError(f"a modality cannot be named {name!r} here; use an identifier")
            if len(set(modalities)) < len(modalities):
                raise ValueError("a modality is named twice; name each once")
            return modalities

        @field_validator("pretrained")
        @classmethod
        def _random_weights(cls, pretrained: bool) -> bool:
            if pretrained:
                raise ValueError("pretrained weights are not available; set it to false")
            return pretrained

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        if schema.task.kind != "classification":
            raise SettingsError(
                f"m2net sums class probabilities of several heads, and the task is {schema.task.describe()}; use "
                f"another network, such as `multibranch`"
            )
        self.inputs = config.modalities
        shapes = {name: _volume_shape(schema, name) for name in config.modalities}
        self.size = config.image_size or max(length for shape in shapes.values() for length in shape[1:])
        classes = len(schema.classes)
        nets = {name: ResNet(3 * shape[0], width=config.width) for name, shape in shapes.items()}
        widths = {name: net.features for name, net in nets.items()}
        self.networks = nn.ModuleDict(nets)
        self.pooling = CompactBilinearPooling(tuple(widths.values()), length=config.bilinear_features)
        self.heads = nn.ModuleDict({name: nn.Linear(width, classes) for name, width in widths.items()})
        self.shared_head = nn.Linear(config.bilinear_features, classes)
        self.final_head = _summing_head(heads=len(widths) + 1, classes=classes)

    def forward(self, batch: Batch) -> Output:
        """Logits of the final head, those of the others, and taps."""
        self._check_statistics(len(batch))
        vectors: dict[str, Tensor] = {
            name: self.networks[name](project(batch.inputs[name], size=self.size)) for name in self.inputs
        }
        pooled = self.pooling(list(vectors.values()))
        aux = {name: self.heads[name](vector) for name, vector in vectors.items()}
        aux[SHARED] = self.shared_head(pooled)
        probabilities = torch.cat([F.softmax(logits, dim=1) for logits in aux.values()], dim=1)
        return Output(logits=self.final_head(probabilities), features={**vectors, FUSED: pooled}, aux=aux)

    def _check_statistics(self, subjects: int) -> None:
        if self.training and subjects == 1 and self.size <= _LAST_MAP_IS_ONE_POSITION:
            raise SettingsError(
                "batch norm cannot learn from one subject whose last map is a single position; set `image_size` to "
                f"more than {_LAST_MAP_IS_ONE_POSITION}, or `loader.batch_size` to more than 1",
                field="image_size",
            )


def _summing_head(*, heads: int, classes: int) -> nn.Linear:
    """A layer over the probabilities of several heads that starts as their sum.

    Inputs between 0 and 1 make a layer learn slowly: from random weights it would still be close to random when
    training ends, and would hide the predictions of the heads.
    """
    layer = nn.Linear(heads * classes, classes)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(classes).repeat(1, heads))
        layer.bias.zero_()
    return layer


def project(volume: Float[Tensor, "batch channels depth height width"], *, size: int) -> Float[Tensor, "batch _ _ _"]:
    """The sums along depth, height and width, each resized to ``size`` by ``size``, as channels of one image."""
    images = [
        F.interpolate(volume.sum(dim=axis), size=(size, size), mode="bilinear", align_corners=False)
        for axis in (2, 3, 4)
    ]
    return torch.cat(images, dim=1)


def _volume_shape(schema: Schema, name: str) -> tuple[int, ...]:
    spec = modality_of(schema, name, field="modalities")
    if spec.kind != "volume" or len(spec.shape) != _VOLUME_AXES:
        raise SettingsError(
            f"{name!r} is a {spec.kind}: only volumes can be projected along three axes", field="modalities"
        )
    return spec.shape
