"""From the files of one DICOM series to a NIfTI file, through SimpleITK and GDCM."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from xdistill.serving.refusal import RefusedError

_VOLUME = 3  # dimensions
_POSITION = "0020|0032"
_UNEVEN = "ITK_non_uniform_sampling_deviation"  # what ITK's reader of series notes: mm


def read_series(field: str, folder: Path, target: Path) -> None:
    """Read the only series of a folder and write it as NIfTI.

    Args:
        field: for messages.
        folder: with the files.
        target: the NIfTI file, in mm and with the patient's axes.

    Raises:
        RefusedError: if there is none, more than one, or one that is not a volume.
    """
    sitk = _simpleitk()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # noqa: FBT003 - positional in C++; warnings could hold names
    try:
        series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
        if len(series) != 1:
            raise RefusedError(_count(field, len(series)))
        files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(files)
        reader.MetaDataDictionaryArrayUpdateOn()
        image = reader.Execute()
        _check(field, image)
        if len(files) > 1:
            _check_positions(field, [_position(reader, place) for place in range(len(files))])
        sitk.WriteImage(image, str(target))
    except RuntimeError:  # of ITK; its text names files
        raise RefusedError(f"the DICOM files of `{field}` cannot be read as one volume") from None


def _count(field: str, found: int) -> str:
    if not found:
        return f"the archive of `{field}` holds no DICOM images"
    return f"the archive of `{field}` holds {found} DICOM series; upload an archive of one series"


def _check(field: str, image: Any) -> None:
    if image.GetDimension() != _VOLUME or image.GetNumberOfComponentsPerPixel() != 1:
        raise RefusedError(f"the DICOM series of `{field}` is not a volume of grey values")
    if image.HasMetaDataKey(_UNEVEN):
        raise RefusedError(
            f"the slices of the DICOM series of `{field}` are not evenly spaced: slices are missing, or the archive "
            f"holds more than one volume"
        )


def _position(reader: Any, place: int) -> str:
    """Where a slice is, as its file says."""
    return str(reader.GetMetaData(place, _POSITION)) if reader.HasMetaDataKey(place, _POSITION) else ""


def _check_positions(field: str, positions: Sequence[str]) -> None:
    """ITK stacks slices without a position, or with the same one, in the order of their names."""
    if "" in positions:
        raise RefusedError(f"a slice of the DICOM series of `{field}` has no position")
    if len(set(positions)) < len(positions):
        raise RefusedError(
            f"the DICOM series of `{field}` has several slices at one position; upload an archive of one volume"
        )


def _simpleitk() -> Any:
    try:
        import SimpleITK
    except ModuleNotFoundError:
        raise RefusedError(
            "this server cannot read DICOM: SimpleITK is not installed (pip install 'xdistill[serve]')",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        ) from None
    return SimpleITK
