"""Networks of several parts, their parts, and the average of their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import Callback, Encoder, Fusion, Student, Teacher

XDISTILL_API = 1


@hookimpl
def xdistill_callbacks() -> list[type[Callback]]:
    """The average of a network's weights."""
    from xdistill_networks.weight_average import WeightAverage

    return [WeightAverage]


@hookimpl
def xdistill_encoders() -> list[type[Encoder]]:
    """Encoders of vectors, and MONAI's networks as encoders of images."""
    from xdistill_networks.mlp_encoder import Perceptron
    from xdistill_networks.monai.encoder import MonaiNetwork
    from xdistill_networks.values import Values

    return [MonaiNetwork, Perceptron, Values]


@hookimpl
def xdistill_fusions() -> list[type[Fusion]]:
    """Concatenation."""
    from xdistill_networks.concat import Concat

    return [Concat]


@hookimpl
def xdistill_teachers() -> list[type[Teacher]]:
    """Networks of branches, and over vectors: as the teacher; and one whose logits are given."""
    from xdistill_networks.given_logits import GivenLogits
    from xdistill_networks.mlp import PerceptronNetwork
    from xdistill_networks.multibranch import MultiBranch

    return [GivenLogits, MultiBranch, PerceptronNetwork]


@hookimpl
def xdistill_students() -> list[type[Student]]:
    """Networks of branches, and over vectors: as the student."""
    from xdistill_networks.mlp import PerceptronNetwork
    from xdistill_networks.multibranch import MultiBranch

    return [MultiBranch, PerceptronNetwork]
