"""One clinical encoder for several branches."""

from __future__ import annotations

from collections.abc import Mapping

from xdistill.errors import SettingsError
from xdistill.interfaces.encoder import Encoder
from xdistill_cmdnet.encoders import MriClinicalFusion


def share_clinical(branches: Mapping[str, Encoder]) -> None:
    """Give all `MriClinicalFusion` branches the clinical layers of the first one.

    The others hold a plain reference that PyTorch does not register, so that the layers are counted, trained
    and saved once.

    Raises:
        SettingsError: when fewer than two branches have such layers, or when theirs differ in size or input.
    """
    users = {name: part for name, part in branches.items() if isinstance(part, MriClinicalFusion)}
    if len(users) < 2:  # noqa: PLR2004 - sharing takes two
        raise SettingsError(
            "sharing takes two branches of mri_clinical_fusion; leave share_clinical out", field="share_clinical"
        )
    (first_name, first), *others = users.items()
    for name, part in others:
        if _signature(part) != _signature(first):
            raise SettingsError(
                f"the branches {first_name!r} and {name!r} differ in their clinical modality, width or chain, so they "
                f"cannot share clinical layers; make them equal",
                field="share_clinical",
            )
        del part.clinical
        object.__setattr__(part, "clinical", first.clinical)


def _signature(part: MriClinicalFusion) -> tuple[object, ...]:
    shapes = tuple(tuple(parameter.shape) for parameter in part.clinical.parameters())
    return part.vector, part.clinical.chain, shapes
