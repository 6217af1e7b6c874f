"""Describes series without what identifies the patient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from xdistill.interfaces.series import Series
from xdistill_dicom.grouping import Part, by_series, parts_of
from xdistill_dicom.phases import suggested
from xdistill_dicom.privacy import Pseudonyms, cleaned
from xdistill_dicom.reading.header import Header

_NO_ID = "no patient id: the study counts as a patient of its own"
_NO_DATE = "no study date: the studies of this patient are in the order of their UIDs"


@dataclass(frozen=True)
class _Study:
    """A study among those of its patient."""

    patient: str
    subject: str
    day: int | None
    date: int | None
    begin: float | None
    remarks: tuple[str, ...]


def describe(headers: Iterable[Header], folder: Path, pseudonyms: Pseudonyms, *, dates: bool) -> list[Series]:
    """All series, by patient, study and time.

    Args:
        headers: of all files.
        folder: that was searched.
        pseudonyms: what stands for ids.
        dates: whether dates are kept.
    """
    groups = by_series(headers)
    studies = _studies([group[0] for group in groups], groups, pseudonyms)
    found = [
        _series(part, group, studies[_study_of(group[0])], folder, pseudonyms, dates=dates)
        for group in groups
        for part in parts_of(group)
    ]
    return sorted(found, key=_order)


def _order(series: Series) -> tuple[str, str, bool, float, str, str]:
    known = series.seconds is not None
    return series.patient, series.subject, not known, series.seconds or 0.0, series.folder, series.series


def _study_of(header: Header) -> tuple[str, str]:
    if not header.study:
        return "", str(header.file)
    return header.patient, header.study


def _studies(
    firsts: Sequence[Header], groups: Sequence[Sequence[Header]], pseudonyms: Pseudonyms
) -> Mapping[tuple[str, str], _Study]:
    begins: dict[tuple[str, str], float] = {}
    days: dict[tuple[str, str], int] = {}
    for group in groups:
        study = _study_of(group[0])
        moments = [header.moment for header in group if header.moment is not None]
        begins[study] = min([*moments, begins.get(study, float("inf"))])
        if group[0].day is not None:
            days[study] = group[0].day
    patients: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for study in dict.fromkeys(_study_of(header) for header in firsts):
        own = study[0].strip("\0")
        patients[pseudonyms.of("patient", study[0] if own else study[1]) if study[1] else ""].append(study)
    made: dict[tuple[str, str], _Study] = {}
    for patient, members in patients.items():
        ordered = sorted(members, key=lambda study: (days.get(study, 0), begins[study], study[1]))
        first = min((days[study] for study in ordered if study in days), default=None)
        for number, study in enumerate(ordered, start=1):
            made[study] = _Study(
                patient,
                patient if len(ordered) == 1 else f"{patient}-{number}",
                None if first is None or study not in days else days[study] - first,
                days.get(study),
                begins[study] if begins[study] != float("inf") else None,
                _remarks(study, dated=all(other in days for other in ordered), several=len(ordered) > 1),
            )
    return made


def _remarks(study: tuple[str, str], *, dated: bool, several: bool) -> tuple[str, ...]:
    nameless = (_NO_ID,) if not study[0].strip("\0") else ()
    return nameless + ((_NO_DATE,) if several and not dated else ())


def _series(
    part: Part, group: Sequence[Header], study: _Study, folder: Path, pseudonyms: Pseudonyms, *, dates: bool
) -> Series:
    slices = part.grid.slices
    first = slices[0]
    hidden = () if pseudonyms.key is None else (*first.identity, first.study, first.series)

    def clean(text: str) -> str:
        return cleaned(text, tuple(text for text in hidden if text), dates=dates)

    moments = [header.moment for header in slices if header.moment is not None]
    rows, columns = first.size
    identity = pseudonyms.of("series", first.series or str(first.file))
    return Series(
        patient=study.patient,
        subject=study.subject,
        series=f"{identity}-{part.number}" if part.number else identity,
        folder=clean(_place(group, folder)),
        files=len({header.file for header in slices}),
        modality=first.modality,
        description=clean(first.description),
        protocol=clean(first.protocol),
        phase=suggested(first.description, first.protocol, contrast=first.contrast),
        part=part.name,
        day=study.day,
        date=date.fromordinal(study.date).isoformat() if dates and study.date is not None else "",
        seconds=round(min(moments) - study.begin, 3) if moments and study.begin is not None else None,
        size=(columns, rows, len(slices)),
        spacing=part.grid.spacing,
        problems=part.problems,
        remarks=part.remarks + study.remarks,
        source=part,
    )


def _place(group: Sequence[Header], folder: Path) -> str:
    """The folder of a series; several: how many more there are."""
    folders = list(dict.fromkeys(header.file.parent for header in group))
    first = folders[0].relative_to(folder).as_posix()
    return first if len(folders) == 1 else f"{first} and {len(folders) - 1} more"
