"""Writes a series as NIfTI. Of its headers, only the geometry is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xdistill import extras
from xdistill_dicom.geometry import grid_of
from xdistill_dicom.reading.header import Header
from xdistill_dicom.reading.pixels import read_values

_SCANNER = 1  # the code of coordinates of the scanner


def save_nifti(slices: Sequence[Header], file: Path) -> None:
    """Write a volume.

    Args:
        slices: that form one, in order.
        file: such as ``volume.nii.gz``.

    Raises:
        DataError: for a slice that cannot be decoded.
        UserError: if nibabel is not installed.
    """
    nibabel = extras.require("nibabel", extra="mri", purpose="writing NIfTI files")
    affine = grid_of(slices).affine
    image = nibabel.Nifti1Image(read_values(slices), affine)
    image.set_sform(affine, _SCANNER)
    image.set_qform(affine, _SCANNER)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, file)
