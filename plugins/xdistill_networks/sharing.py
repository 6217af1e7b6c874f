"""One clinical encoder for several branches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from xdistill.errors import SettingsError
from xdistill.interfaces.encoder import Encoder


@runtime_checkable
class HasClinicalLayers(Protocol):
    """An encoder with clinical layers, which several branches can share."""

    @abstractmethod
    def clinical_signature(self) -> tuple[object, ...]:
        """Equal in branches whose clinical layers read the same modality and have the same sizes."""

    @abstractmethod
    def use_clinical_layers_of(self, other: Any) -> None:
        """Use the layers of another encoder of this kind, so that they are counted, trained and saved once."""


def share_clinical(branches: Mapping[str, Encoder]) -> None:
    """Give all branches with clinical layers those of the first one.

    Raises:
        SettingsError: if fewer than two branches have such layers, or if theirs differ in size or input.
    """
    users = {name: part for name, part in branches.items() if isinstance(part, HasClinicalLayers)}
    if len(users) < 2:  # noqa: PLR2004 - sharing takes two
        raise SettingsError(
            "share_clinical needs two branches with clinical layers, such as mri_clinical_fusion; leave it out",
            field="share_clinical",
        )
    (first_name, first), *others = users.items()
    for name, part in others:
        if part.clinical_signature() != first.clinical_signature():
            raise SettingsError(
                f"the branches {first_name!r} and {name!r} differ in their clinical modality, width or chain, so they "
                f"cannot share clinical layers; make them equal",
                field="share_clinical",
            )
        part.use_clinical_layers_of(first)
