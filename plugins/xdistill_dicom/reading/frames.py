"""Frames of enhanced DICOM: several images in one file, whose elements stand in functional groups."""

from __future__ import annotations

from typing import Any, Final

from xdistill_dicom.reading.values import whole_of

# By element of a file with one image: the sequence that holds it for a frame, and its name there (DICOM PS3.3, C.7.6.16
# and C.8.13.5).
_GROUPS: Final = {
    "ImagePositionPatient": ("PlanePositionSequence", "ImagePositionPatient"),
    "ImageOrientationPatient": ("PlaneOrientationSequence", "ImageOrientationPatient"),
    "PixelSpacing": ("PixelMeasuresSequence", "PixelSpacing"),
    "RescaleSlope": ("PixelValueTransformationSequence", "RescaleSlope"),
    "RescaleIntercept": ("PixelValueTransformationSequence", "RescaleIntercept"),
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex"),
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber"),
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime"),
    "FlipAngle": ("MRTimingAndRelatedParametersSequence", "FlipAngle"),
    "DiffusionBValue": ("MRDiffusionSequence", "DiffusionBValue"),
    "TriggerTime": ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
    "ImageType": ("MRImageFrameTypeSequence", "FrameType"),
}


class Frame:
    """The elements of one frame: its own, those that all frames share, and those of the file."""

    def __init__(self, content: Any, number: int) -> None:
        self.file_meta = content.file_meta
        self.number = number
        self._content = content
        shared = content.get("SharedFunctionalGroupsSequence") or [{}]
        self._groups = (content.get("PerFrameFunctionalGroupsSequence")[number], shared[0])

    def get(self, tag: str) -> Any:
        """An element by its name in files with one image; None if it is absent."""
        if tag == "SOPInstanceUID":
            return f"{self._content.get(tag)}#{self.number}"
        sequence, name = _GROUPS.get(tag, ("", ""))
        for group in self._groups if sequence else ():
            held = group.get(sequence)
            value = held[0].get(name) if held else None
            if value is not None:
                return value
        return self._content.get(tag)


def frames_of(content: Any) -> list[Frame]:
    """The frames of a file; none where it holds one image.

    Raises:
        ValueError: if functional groups are missing for some frames.
    """
    count = whole_of(content, "NumberOfFrames")
    groups = content.get("PerFrameFunctionalGroupsSequence")
    if not groups:
        return []
    if len(groups) != max(count, 1):
        raise ValueError(count)
    return [Frame(content, number) for number in range(len(groups))]
