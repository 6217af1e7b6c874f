"""From headers to series, and from series to what can be one volume: localisers and time points apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from xdistill_dicom.geometry import Grid, grid_of, overlapping, place_of
from xdistill_dicom.reading.header import MARKS, Header

LOCALISER = "localiser (ImageType)"
"""The problem of localisers."""

_LOCALISER = "LOCALIZER"


@dataclass(frozen=True)
class Part:
    """What may be one volume: a series, or one time point of it.

    Attributes:
        grid: its slices in order.
        number: of the time point, from 1; 0 for a whole series.
        name: such as ``2 of 3 (EchoTime)``; empty for a whole series.
        problems: why it is refused.
        remarks: what else is to be known.
    """

    grid: Grid
    number: int = 0
    name: str = ""
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def by_series(headers: Iterable[Header]) -> list[list[Header]]:
    """Headers by study and series, in the order of their files; a file that cannot be read stands alone."""
    groups: dict[tuple[str, ...], list[Header]] = defaultdict(list)
    for header in headers:
        alone = () if header.series else (str(header.file),)
        groups[(header.patient, header.study, header.series, *alone)].append(header)
    return list(groups.values())


def parts_of(series: Sequence[Header]) -> list[Part]:
    """What may be volumes among the files of a series.

    A localiser that shares a series with other images is a part of its own. So is each time point, where a header
    tells the slices at the same position apart and each has every position.
    """
    broken = Counter(header.problem for header in series if header.problem)
    if broken:
        problem, count = broken.most_common(1)[0]
        where = f" ({count} of {len(series)} files)" if len(series) > 1 else ""
        return [_refused(series, problem + where)]
    localisers = [header for header in series if _LOCALISER in header.kind]
    others = [header for header in series if _LOCALISER not in header.kind]
    parts = [_refused(localisers, LOCALISER)] if localisers else []
    return parts + (_volumes(others) if others else [])


def _volumes(slices: Sequence[Header]) -> list[Part]:
    copies = len(slices) - len({(header.instance, place_of(header), header.marks) for header in slices})
    whole = grid_of(slices)
    places = len({place_of(header) for header in slices})
    if whole.affine is None or places in {1, len(slices)}:
        return [Part(whole, problems=whole.problems)]
    if copies:
        return [_refused(slices, f"the same images in several files ({copies} copies); remove the copies")]
    points, mark = _time_points(slices)
    if not points:
        return [_refused(slices, _not_separable(slices, places))]
    remark = (f"one of {len(points)} time points that {mark} tells apart",)
    grids = [grid_of(point) for point in points]
    return [
        Part(grid, number, f"{number} of {len(points)} ({mark})", grid.problems, remark)
        for number, grid in enumerate(grids, start=1)
    ]


def _not_separable(slices: Sequence[Header], places: int) -> str:
    if len(slices) % places == 0:
        return (
            f"{len(slices) // places} images at each of {places} positions, and no header tells the time points apart"
        )
    return f"{len(slices)} images at {places} positions: some time points lack slices, or some slices occur twice"


def _refused(slices: Sequence[Header], problem: str) -> Part:
    return Part(Grid(tuple(slices), None, (problem,)), problems=(problem,))


def _time_points(slices: Sequence[Header]) -> tuple[list[list[Header]], str]:
    """The time points in their order and what tells them apart; empty if nothing does."""
    for index, mark in enumerate(MARKS):
        groups = _grouped(slices, lambda header, index=index: header.marks[index])  # type: ignore[misc]  # bound here
        if _complete(groups.values()):
            return [groups[value] for value in sorted(groups, key=_by_value)], mark
    for index, mark in enumerate(("AcquisitionTime", "ContentTime")):
        points = _by_time(slices, index)
        if points:
            return points, mark
    return [], ""


def _grouped(slices: Sequence[Header], key: Callable[[Header], str]) -> Mapping[str, list[Header]]:
    groups: dict[str, list[Header]] = defaultdict(list)
    for header in slices:
        groups[key(header)].append(header)
    return groups


def _complete(groups: Iterable[Sequence[Header]]) -> bool:
    """Whether every group has every position once."""
    places = [sorted(map(place_of, group)) for group in groups]
    return len(places) > 1 and all(own == places[0] and len(set(own)) == len(own) for own in places)


def _by_time(slices: Sequence[Header], index: int) -> list[list[Header]]:
    """The first image at each position, the second, and so on, if each time point ends before the next begins."""
    places: dict[tuple[int, ...], list[tuple[float, Header]]] = defaultdict(list)
    for header in slices:
        time = header.clock[index]
        if time is None:
            return []
        places[place_of(header)].append((time, header))
    if len({len(timed) for timed in places.values()}) != 1:
        return []
    columns = [sorted(timed, key=lambda pair: pair[0]) for timed in places.values()]
    points = list(zip(*columns, strict=True))
    if overlapping([(min(time for time, _ in point), max(time for time, _ in point)) for point in points]):
        return []
    return [[header for _, header in point] for point in points]


def _by_value(text: str) -> tuple[bool, float, str]:
    """Numbers by value, before texts."""
    try:
        return False, float(text), text
    except ValueError:
        return True, 0.0, text
