"""Reads NRRD, MHA and MHD files with SimpleITK."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xdistill.errors import DataError
from xdistill.interfaces import Space
from xdistill.untrusted import VOLUME, open_regular
from xdistill_mri.preprocess.extra import require_images
from xdistill_mri.preprocess.read import damage_reported

ITK = (".nrrd", ".mha", ".mhd")

_HEADER = 2**16  # bytes in which a header ends
_RATIO = 1100  # zlib compresses to a 1,032nd at best
_SPACE = 3
# ITK's axes point to the left and to the back, those of NIfTI to the right and to the front.
_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class ItkImage:
    """What such a file holds.

    Attributes:
        values: ``(x, y, z)``, with further axes for time and components.
        affine: from voxel indices to mm, axes to the right, front and top as in NIfTI; None if no spacing is stated.
        oriented: whether the file states the directions of its axes.
    """

    values: NDArray[Any]
    affine: NDArray[np.float64] | None
    oriented: bool


def read_itk(file: Path) -> ItkImage:
    """Read a file.

    Raises:
        DataError: for a file that is missing, damaged, or has its values in several other files.
        UserError: if SimpleITK is not installed.
    """
    with damage_reported(file):
        reader, fields = _reader(file)
        image = reader.Execute()
        values = require_images("SimpleITK").GetArrayFromImage(image)
    components = image.GetNumberOfComponentsPerPixel() > 1
    axes = image.GetDimension()
    order = [*reversed(range(axes)), *([axes] if components else [])]
    values = values.transpose(order)
    if axes < _SPACE:
        values = np.expand_dims(values, 2)
    return ItkImage(np.ascontiguousarray(values), _affine(image, fields), _oriented(fields))


def space_of_itk(file: Path) -> Space:
    """The grid, from the header alone; raises as `read_itk`."""
    with damage_reported(file):
        reader, fields = _reader(file)
        size = (*reader.GetSize(), 1)[:_SPACE]
    return Space(tuple(int(length) for length in size), _affine(reader, fields), None)


def orientation_of_itk(file: Path) -> str | None:
    """Anatomical directions of the axes, such as ``LPS``; None if the file states none. Raises as `read_itk`."""
    with damage_reported(file):
        reader, fields = _reader(file)
    affine = _affine(reader, fields)
    if affine is None or not _oriented(fields):
        return None
    main = np.abs(affine[:_SPACE, :_SPACE]).argmax(axis=0)
    names = (("L", "R"), ("P", "A"), ("I", "S"))
    return "".join(names[row][int(affine[row, axis] > 0)] for axis, row in enumerate(main))


def companion(file: Path) -> Path | None:
    """The file that holds the values of a .mhd file; None if there is none.

    Raises:
        DataError: if the values are in several files, or in another folder.
    """
    if not file.name.lower().endswith(".mhd"):
        return None
    named = _fields(file).get("elementdatafile", "")
    if named.upper() == "LOCAL":
        return None
    if not named or named.upper().startswith("LIST") or "%" in named or Path(named).name != named or "\\" in named:
        raise DataError(f"{file}: its values must be in one file in the same folder, not {named!r}; save it as .mha")
    return file.with_name(named)


def _reader(file: Path) -> tuple[Any, dict[str, str]]:
    itk = require_images("SimpleITK")
    itk.ProcessObject.SetGlobalWarningDisplay(False)  # noqa: FBT003 -- ITK takes no name
    fields = _fields(file)
    other = companion(file)
    if other is not None and not other.is_file():
        raise DataError(f"{file}: there is no file {other.name} with its values")
    if "data file" in fields or "datafile" in fields:
        raise DataError(f"{file}: its values are in another file; save both in one file")
    reader = itk.ImageFileReader()
    reader.SetImageIO("NrrdImageIO" if file.name.lower().endswith(".nrrd") else "MetaImageIO")
    reader.SetFileName(str(file))
    reader.ReadImageInformation()
    held = (other or file).stat().st_size
    stated = prod(reader.GetSize()) * max(reader.GetNumberOfComponents(), 1)
    if stated > _RATIO * held:
        raise DataError(f"{file}: is damaged or incomplete: its header states more voxels than {held} bytes can hold")
    VOLUME.check(file, stated, error=DataError, what="the image that its header states")
    return reader, fields


def _fields(file: Path) -> dict[str, str]:
    """The entries of the header, by lower-case name."""
    with open_regular(file) as stream:
        text = stream.read(_HEADER).decode("latin-1")
    nrrd = file.name.lower().endswith(".nrrd")
    lines = (re.split(r"\r?\n\r?\n", text, maxsplit=1)[0] if nrrd else text).splitlines()
    found: dict[str, str] = {}
    for line in lines:
        name, separator, value = line.partition(":" if nrrd else "=")
        if separator and "elementdatafile" not in found:
            found[name.strip().lower()] = value.strip()
    return found


def _affine(image: Any, fields: dict[str, str]) -> NDArray[np.float64] | None:
    """None where the header states no spacing: ITK would take 1 mm."""
    stated = {"space directions", "spacings", "elementspacing", "elementsize"} & fields.keys()
    axes = image.GetDimension()
    if not stated or axes < _SPACE:
        return None
    matrix = np.eye(4)
    direction = np.reshape(image.GetDirection(), (axes, axes))[:_SPACE, :_SPACE]
    matrix[:_SPACE, :_SPACE] = direction * np.asarray(image.GetSpacing()[:_SPACE])
    matrix[:_SPACE, 3] = image.GetOrigin()[:_SPACE]
    affine: NDArray[np.float64] = _TO_RAS @ matrix
    return affine


def _oriented(fields: dict[str, str]) -> bool:
    return bool({"space", "transformmatrix", "rotation", "orientation"} & fields.keys())
