"""The encoder `monai`."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.encoder import Encoder, Encoding
from xdistill.interfaces.fine_tuning import FineTuned, do_weights_follow
from xdistill.types import ModalitySpec
from xdistill_networks.monai.networks import build
from xdistill_networks.monai.weights import Weights, load_into

_AXES = {"image": 2, "volume": 3}


class MonaiNetwork(Encoder, FineTuned):
    """Any network of MONAI that reads one image, in two or three dimensions, by its name.

    A classifier such as DenseNet121 or resnet18 is built with ``features`` outputs, which are the branch's vector. Of a
    network that returns a map, such as UNet, the map is averaged over positions. The number of dimensions, the input
    channels and, where the network asks for it, the image size follow from the modality.

    Weights come from a file on disk and nothing is downloaded. Tensors are matched by name and shape; the summary of
    `xdistill recipe check` tells how many matched.
    """

    name = "monai"
    config: Config

    class Config(Encoder.Config):
        """One image modality in ``inputs``."""

        network: str = Field(description="name in monai.networks.nets, such as DenseNet121 or resnet18")
        settings: dict[str, Any] = Field(default={}, description="further arguments of the network, by name")
        features: Annotated[int, Field(ge=1)] = Field(
            default=128, description="number of the network's outputs, the length of the branch's vector"
        )
        map: str | None = Field(
            default=None,
            description="layer whose output is the branch's feature map, such as `features` of DenseNet; null: none",
        )
        weights: Weights | None = Field(default=None, description="initial weights; null: random")
        freeze: tuple[str, ...] = Field(
            default=(), description="layers that do not learn, such as `features.*`; their batch norms stay as they are"
        )
        rates: Mapping[str, Annotated[float, Field(gt=0)]] = Field(
            default={}, description="layers by pattern, with the factor of their learning rate, such as 0.1"
        )

    def __init__(self, config: Config, *, inputs: Mapping[str, ModalitySpec]) -> None:
        super().__init__(config, inputs=inputs)
        self.image, spec = _image(inputs)
        self.network = build(config.network, spec, config.features, config.settings)
        if config.map is not None and config.map not in dict(self.network.named_modules()):
            layers = ", ".join(name for name, _ in self.network.named_children())
            raise SettingsError(f"{config.network} has no layer {config.map!r}; its layers are {layers}", field="map")
        if config.weights is not None and not do_weights_follow():
            self.notes = (f"{config.network}: {load_into(self.network, config.weights)}",)
        self._rates = _rates(self.network, config)
        self.width, self.map_channels = self._sizes(spec)

    def forward(
        self, inputs: Mapping[str, Float[Tensor, "batch ..."]], present: Mapping[str, Bool[Tensor, " batch"]]
    ) -> Encoding:
        """Encode a batch; an absent image is zeros."""
        del present
        caught: list[Tensor] = []
        handle = None
        if self.config.map is not None:
            layer = self.network.get_submodule(self.config.map)
            handle = layer.register_forward_hook(lambda _module, _inputs, output: caught.append(output))
        try:
            vector, last = _vector(self.network(inputs[self.image]))
        finally:
            if handle is not None:
                handle.remove()
        return Encoding(vector=vector, map=_first(caught[-1]) if caught else last)

    def train(self, mode: bool = True) -> MonaiNetwork:
        """Train mode, in which frozen layers stay in eval mode."""
        super().train(mode)
        if mode:
            for name, module in self.network.named_modules():
                if name and _matches(name, self.config.freeze):
                    module.eval()
        return self

    def learning_rates(self) -> Mapping[str, float]:
        """Factors of the frozen and of the slower parameters."""
        return self._rates

    def _sizes(self, spec: ModalitySpec) -> tuple[int, int]:
        """Length of the vector, and channels of the map, of an image of zeros."""
        parameter = next(self.network.parameters(), torch.zeros(0))
        image = torch.zeros((2, *spec.shape), device=parameter.device)
        training = self.network.training
        self.network.eval()
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                encoding = self({self.image: image}, {})
        except SettingsError:
            raise
        except Exception as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            shape = "x".join(map(str, spec.shape))
            raise SettingsError(
                f"{self.config.network} cannot read {_article(spec.kind)} {spec.kind} of {shape}: {reason[0]}; change "
                f"its size or `settings`",
                field="network",
            ) from error
        finally:
            self.network.train(training)
        return encoding.vector.shape[1], 0 if encoding.map is None else encoding.map.shape[1]


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _image(inputs: Mapping[str, ModalitySpec]) -> tuple[str, ModalitySpec]:
    found = [(name, spec) for name, spec in inputs.items() if _AXES.get(spec.kind) == len(spec.shape) - 1]
    if len(inputs) != 1 or len(found) != 1:
        listed = ", ".join(f"{name} ({spec.kind})" for name, spec in inputs.items()) or "nothing"
        raise SettingsError(f"monai reads one volume or image, not {listed}", field="inputs")
    return found[0]


def _vector(output: Any) -> tuple[Tensor, Tensor | None]:
    """The vector ``(batch, width)``, and the map ``(batch, width, *space)`` if the network returns one."""
    found = _first(output)
    if found.ndim == 2:  # noqa: PLR2004 -- subjects and features
        return found, None
    return found.mean(dim=tuple(range(2, found.ndim))), found


def _first(output: Any) -> Tensor:
    """The first tensor of what a network returns."""
    while not isinstance(output, Tensor):
        if not isinstance(output, (list, tuple)) or not output:
            raise SettingsError(f"the network returns a {type(output).__name__}, not a tensor", field="network")
        output = output[0]
    return output


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a layer, or one that it lies in, matches a pattern."""
    parts = name.split(".")
    prefixes = [".".join(parts[: index + 1]) for index in range(len(parts))]
    return any(fnmatchcase(prefix, pattern) for prefix in prefixes for pattern in patterns)


def _rates(network: nn.Module, config: MonaiNetwork.Config) -> dict[str, float]:
    """The factor of each parameter that has one, by its name in the encoder."""
    names = [name for name, _ in network.named_parameters()]
    for field, patterns in (("freeze", config.freeze), ("rates", tuple(config.rates))):
        for pattern in patterns:
            if not any(_matches(name, (pattern,)) for name in names):
                layers = ", ".join(name for name, _ in network.named_children())
                raise SettingsError(
                    f"{config.network} has no layer like {pattern!r}; its layers are {layers}", field=field
                )
    found: dict[str, float] = {}
    for name in names:
        for pattern, factor in config.rates.items():
            if _matches(name, (pattern,)):
                found[f"network.{name}"] = factor
        if _matches(name, config.freeze):
            found[f"network.{name}"] = 0.0
    return found
