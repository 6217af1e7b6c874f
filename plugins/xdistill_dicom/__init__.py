"""DICOM: finds series, rejects series that are not volumes, reads volumes, and writes the manifest of a cohort.

`Dicom` is loaded on first use, so that importing this package is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdistill_dicom.dicom import Dicom

__all__ = ["Dicom"]


def __getattr__(name: str) -> Any:
    if name != "Dicom":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from xdistill_dicom.dicom import Dicom

    return Dicom
