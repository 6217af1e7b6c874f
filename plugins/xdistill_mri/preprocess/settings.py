"""Settings of the preprocessing of volumes, in the order in which they are applied.

Triples are ordered like the arrays that come out: depth, height, width. For a NIfTI file these are its z, y and
x axes (after `Preprocess.orientation`, if that is set).
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from xdistill.interfaces import Settings

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Bound = int | str

_AXIS_PAIRS = (set("RL"), set("AP"), set("IS"))


class Box(Settings):
    """A box in voxels, ``[first, last + 1]`` along each axis; a text names the CSV column that holds the number."""

    depth: tuple[Bound, Bound] = Field(description="first slice, and last slice + 1")
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
    center: tuple[Count, Count, Count] | None = Field(
        default=None, description="size in voxels of a crop around the volume's center"
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
    size: tuple[Count, Count, Count] | None = Field(default=None, description="size of the result in voxels")
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

    def shape(self) -> tuple[int, int, int] | None:
        """Depth, height and width of every result; None if they depend on the file."""
        if self.size is not None:
            return self.size
        return None if self.crop is None else self.crop.center
