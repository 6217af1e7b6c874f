"""Settings of the preprocessing of volumes and pictures, in the order in which they are applied.

Triples are ordered like the arrays that come out: depth, height, width. For a NIfTI file these are its z, y and
x axes (after `Preprocess.orientation`, if that is set). For pictures, sizes are pairs: height, width.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from xdistill.interfaces import Settings

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Bound = int | str
Size = tuple[Count, Count, Count] | tuple[Count, Count]

_AXIS_PAIRS = (set("RL"), set("AP"), set("IS"))


class Box(Settings):
    """A box in voxels, ``[first, last + 1]`` along each axis; a text names the CSV column that holds the number."""

    depth: tuple[Bound, Bound] = Field(
        default=(0, 1), description="first slice, and last slice + 1; pictures have only one"
    )
    height: tuple[Bound, Bound] = Field(description="first row, and last row + 1")
    width: tuple[Bound, Bound] = Field(description="first column, and last column + 1")

    def columns(self) -> tuple[str, ...]:
        """The CSV columns that hold bounds."""
        bounds = (*self.depth, *self.height, *self.width)
        return tuple(bound for bound in bounds if isinstance(bound, str))


class Crop(Settings):
    """Part of the volume that is kept: exactly one of `box`, `mask` and `center`."""

    box: Box | None = Field(default=None, description="a box on the grid after orientation and spacing")
    mask: str | None = Field(default=None, description="CSV column with the path of a mask on the image's grid")
    center: Size | None = Field(
        default=None, description="size in voxels of a crop around the center; height and width for pictures"
    )
    labels: tuple[int, ...] | None = Field(
        default=None, description="values of the mask that count; null: everything that is not 0"
    )
    margin: NotNegative = Field(default=0.0, description="mm kept around the box or mask; needs a known spacing")
    margin_voxels: Annotated[int, Field(ge=0)] = Field(
        default=0, description="voxels kept around the box or mask, independent of the spacing"
    )

    @field_validator("labels", mode="before")
    @classmethod
    def _one_label(cls, value: object) -> object:
        return [value] if isinstance(value, int) else value

    @model_validator(mode="after")
    def _consistent(self) -> Crop:
        given = [name for name in ("box", "mask", "center") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of box, mask and center (given: {', '.join(given) or 'none'})")
        if self.margin and self.margin_voxels:
            raise ValueError("give margin (mm) or margin_voxels, not both")
        if self.center is not None and (self.margin or self.margin_voxels):
            raise ValueError("a center crop has no margin; make center larger instead")
        if self.labels is not None and self.mask is None:
            raise ValueError("`labels` are values of a mask, but there is no `mask`")
        return self


class Preprocess(Settings):
    """Preprocessing of a volume. By default nothing is changed."""

    spacing_of_arrays: tuple[Positive, Positive, Positive] | None = Field(
        default=None, description="mm between voxels of .npy and .npz files, which do not store it"
    )
    nonfinite: Literal["refuse", "fill"] = Field(
        default="refuse",
        description="NaN and infinite voxels: reject the file, or fill them with the smallest finite value",
    )
    orientation: str | None = Field(
        default=None,
        description="anatomical directions of the x, y and z axes, such as RAS; null: as stored",
    )
    spacing: tuple[Positive, Positive, Positive] | None = Field(
        default=None, description="mm between voxels after resampling; null: as stored"
    )
    interpolation: Literal["nearest", "linear", "cubic"] = Field(
        default="linear", description="interpolation when resampling to a spacing"
    )
    crop: Crop | None = Field(default=None, description="part of the volume that is kept")
    size: Size | None = Field(default=None, description="size of the result in voxels; height and width for pictures")
    fit: Literal["linear", "area", "nearest", "pad_or_crop"] = Field(
        default="linear",
        description="how the result gets its size: by interpolation (area: mean of the voxels that fall into one), "
        "or by cropping around the center and padding with the volume's smallest value",
    )
    clip: tuple[float, float] | None = Field(default=None, description="percentiles to which values are clipped")
    zscore: bool = Field(default=False, description="subtract the volume's mean, divide by its standard deviation")
    constant: Literal["refuse", "zeros"] = Field(
        default="refuse", description="z-score of a volume whose voxels are all equal: reject it, or make it zeros"
    )

    kind: Literal["volume", "image"] | None = Field(
        default=None,
        description="image: pictures of height and width; null: by the ending of the files (.png, .jpg and .tif are "
        "pictures)",
    )
    channels: Literal["first", "last"] | None = Field(
        default=None,
        description="which axis of an array, or of a .nrrd or TIFF stack, holds the channels; null: it has none",
    )
    channel: Annotated[int, Field(ge=0)] | Literal["all"] | None = Field(
        default=None,
        description="of files with several channels or time points, the one to use, counted from 0, or all; null: "
        "volumes must have one, pictures keep all",
    )
    colour: Literal["grey", "rgb"] | None = Field(
        default=None,
        description="grey: colours become luminance (ITU-R 601); rgb: grey values are repeated, CMYK is converted; "
        "null: as in the files, which then must agree",
    )
    scale: bool | None = Field(
        default=None,
        description="divide values of 8 and 16 bits by 255 and 65,535; null: do so for pictures",
    )
    aspect: Literal["stretch", "pad", "crop"] = Field(
        default="stretch",
        description="resizing by interpolation changes the ratio of the sides (stretch), or keeps it and pads what is "
        "missing with the smallest value, or crops what is too much",
    )
    mean: tuple[float, ...] | None = Field(
        default=None, description="subtracted from each channel, after `clip`; one number, or one for each channel"
    )
    std: tuple[Positive, ...] | None = Field(default=None, description="each channel is divided by it, after `mean`")

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out newer fields at their defaults, so that cohorts from before they existed keep their keys."""
        plain: dict[str, Any] = handler(self)
        return {name: value for name, value in plain.items() if name not in NEWER or value != NEWER[name]}

    @field_validator("mean", "std", mode="before")
    @classmethod
    def _one_number(cls, value: object) -> object:
        return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _one_normalisation(self) -> Preprocess:
        if self.zscore and (self.mean is not None or self.std is not None):
            raise ValueError("give zscore, or mean and std, not both")
        if self.aspect != "stretch" and self.fit == "pad_or_crop":
            raise ValueError("`fit: pad_or_crop` keeps the ratio of the sides already; leave out `aspect`")
        return self

    @field_validator("orientation")
    @classmethod
    def _orientation(cls, value: str | None) -> str | None:
        if value is None:
            return None
        code = value.upper()
        if not re.fullmatch("[RLAPIS]{3}", code) or any(len(pair & set(code)) != 1 for pair in _AXIS_PAIRS):
            raise ValueError(f"{value!r} is not an orientation; give one of R/L, A/P and I/S each, such as RAS or LPS")
        return code

    @field_validator("clip")
    @classmethod
    def _clip(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 <= value[0] < value[1] <= 100:  # noqa: PLR2004 -- percentiles end at 100
            raise ValueError("`clip` takes two percentiles between 0 and 100, the lower first")
        return value

    def overridden_by(self, other: Preprocess) -> Preprocess:
        """These settings, overridden by the fields that ``other`` sets explicitly."""
        return self.model_copy(update={name: getattr(other, name) for name in other.model_fields_set})

    def shape(self) -> tuple[int, ...] | None:
        """Size of every result, as it is set; None if it depends on the file."""
        if self.size is not None:
            return self.size
        return None if self.crop is None else self.crop.center

    def wrong_for(self, kind: str) -> str:
        """Why these settings do not fit volumes, or pictures; empty if they do."""
        axes, names = (2, "height and width") if kind == "image" else (3, "depth, height and width")
        center = None if self.crop is None else self.crop.center
        for name, value in (("size", self.size), ("crop.center", center)):
            if value is not None and len(value) != axes:
                what = "pictures" if kind == "image" else "volumes"
                return f"`preprocess.{name}` has {len(value)} numbers, but {what} need {axes}: {names}"
        if kind == "image" and (self.orientation or self.spacing or self.spacing_of_arrays):
            return "pictures have no orientation and no spacing; leave out these settings of `preprocess`"
        return ""


NEWER: Mapping[str, object] = {
    name: Preprocess.model_fields[name].default
    for name in ("kind", "channels", "channel", "colour", "scale", "aspect", "mean", "std")
}
"""Fields that were added later, with their defaults."""
