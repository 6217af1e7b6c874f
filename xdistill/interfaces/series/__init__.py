"""Formats in which a folder of files holds a volume, such as DICOM: how series are found, chosen and read."""

from xdistill.interfaces.series.format import SeriesFormat
from xdistill.interfaces.series.found import Chosen, Found, Privacy, Series, SeriesVolume, Written

__all__ = ["Chosen", "Found", "Privacy", "Series", "SeriesFormat", "SeriesVolume", "Written"]
