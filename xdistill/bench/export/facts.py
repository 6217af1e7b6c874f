"""What a reader has to know before reading a figure, and how the entries fall into tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from xdistill.bench.export.wording import listed, metric_title, one_line, percent, score, style_of
from xdistill.bench.standings import Standing, Standings

SYNTHETIC: Final = "Synthetic cohort: no patient is real"
RANKED: Final = "student"
BOUNDED: Final = "auc_ovo"  # the metric that a cohort's bounds are about
_TITLES: Final = {
    RANKED: "Ranking",
    "privileged": "With privileged data at test time",
    "control": "Controls",
    "pretrained": "With pretrained weights",
}
DIGITS: Final = 16  # of a hash


@dataclass(frozen=True)
class Track:
    """Entries that stand in one table.

    Attributes:
        name: of the track.
        title: for people.
        ranked: whether its entries have ranks.
        entries: in the order of the standings.
    """

    name: str
    title: str
    ranked: bool
    entries: tuple[Standing, ...]


def tracks(standings: Standings) -> tuple[Track, ...]:
    """The ranked track, then the others in the order in which they come."""
    names = dict.fromkeys(standing.track for standing in standings.entries)
    return tuple(
        Track(
            name=name,
            title=_TITLES.get(name, one_line(name).capitalize()),
            ranked=name == RANKED,
            entries=tuple(standing for standing in standings.entries if standing.track == name),
        )
        for name in sorted(names, key=lambda name: name != RANKED)
    )


def title_of(standings: Standings, entry: str) -> str:
    """What tables call an entry; its name where it is missing."""
    return next((one_line(standing.title) for standing in standings.entries if standing.entry == entry), entry)


def reference_title(standings: Standings) -> str:
    """What tables call the reference."""
    return title_of(standings, standings.reference)


def reported_title(standings: Standings) -> str:
    """The heading over numbers that a publication states; empty when there are none."""
    if not any(standing.reported for standing in standings.entries):
        return ""
    source = one_line(standings.reported_source) or "the publication"
    reservation = "not comparable: another cohort" if standings.cohort.synthetic else "never ranked"
    return f"Reported by {source} ({reservation})"


def facts(standings: Standings) -> tuple[tuple[str, str], ...]:
    """``(name, value)``: cohort, splits, versions, machine."""
    return tuple(_facts(standings))


def _facts(standings: Standings) -> Iterator[tuple[str, str]]:
    cohort = standings.cohort
    yield "Cohort", one_line(cohort.title)
    yield "Subjects", f"{cohort.subjects} of {cohort.patients} patients"
    if cohort.classes:
        yield "Classes", ", ".join(f"{one_line(name)}: {count}" for name, count in cohort.classes.items())
    yield "Splits", splits(standings)
    if cohort.bounds:
        bounds = (f"{percent(value)} % with {one_line(name)}" for name, value in cohort.bounds.items())
        yield f"Best possible {metric_title('auc_ovo', standings)}", ", ".join(bounds)
    yield "Cohort fingerprint", cohort.fingerprint[:DIGITS]
    yield "Split hash", cohort.split_hash[:DIGITS]
    for name, mappings in (
        ("Versions", [standing.versions for standing in standings.entries]),
        ("Machine", [standing.machine for standing in standings.entries]),
    ):
        merged = _merged(mappings)
        if merged:
            yield name, merged


def alternative(standings: Standings) -> str:
    """What the figure shows, for readers who cannot see it."""
    metric, reference = metric_title(standings.primary, standings), reference_title(standings)
    return f"{metric} of each method with its 95 % interval, and the difference to {reference} with that of the test"


def splits(standings: Standings) -> str:
    """``25 test folds (5 repeats of 5 folds)``."""
    cohort = standings.cohort
    if cohort.repeats == 1:
        return f"{cohort.folds} test folds"
    return f"{cohort.folds * cohort.repeats} test folds ({cohort.repeats} repeats of {cohort.folds} folds)"


def expectation_mark(holds: bool | None) -> str:
    """✓ if it holds, ✗ if it does not, ? if it is not known yet."""
    return {True: "✓", False: "✗", None: "?"}[holds]


def expectation_word(holds: bool | None) -> str:
    """The same in a word."""
    return {True: "holds", False: "does not hold", None: "not known, an entry is missing"}[holds]


def _merged(mappings: Iterable[Mapping[str, str]]) -> str:
    """Each key with the values it has over all entries: ``python 3.11.2; torch 2.8.0 or 2.9.1``."""
    values: dict[str, dict[str, None]] = {}
    for mapping in mappings:
        for key, value in mapping.items():
            values.setdefault(str(key), {})[one_line(str(value))] = None
    return "; ".join(f"{one_line(key)} {' or '.join(sorted(found))}" for key, found in values.items())


def better_than_reference(standings: Standings) -> tuple[str, ...]:
    """Titles of the ranked entries that the corrected test finds better by the primary metric."""
    return tuple(
        one_line(standing.title)
        for track in tracks(standings)
        if track.ranked
        for standing in track.entries
        if standings.primary in standing.bold
    )


def compared(standings: Standings) -> bool:
    """Whether any entry is compared with the reference; none is while the reference is missing."""
    return any(row.against is not None for standing in standings.entries for row in standing.rows.values())


def finding(standings: Standings) -> str:
    """The first entry, and whether its lead is significant; empty without a ranked entry."""
    ranked = [standing for standing in standings.entries if standing.rank is not None]
    if not ranked:
        return ""
    others = [standing for standing in ranked if standing.entry != standings.reference]
    leaders = [one_line(standing.title) for standing in ranked if standing.rank == ranked[0].rank]
    verb = "has" if len(leaders) == 1 else "share"
    style = style_of(standings.primary)
    best = score(ranked[0].rows[standings.primary].scores, standings.primary) + style.sign
    lead = f"{listed(leaders)} {verb} the {style.extreme} {metric_title(standings.primary, standings)}, {best}"
    better, reference = better_than_reference(standings), reference_title(standings)
    if not others:
        return f"{lead}."
    if not compared(standings):
        return f"{lead}. Nothing is compared, since the reference {reference_title(standings)} is missing."
    if not better:
        none = f"of {len(others)} methods none is" if len(others) > 1 else "the other method is not"
        return f"{lead}; {none} shown to be better than {reference}."
    return f"{lead}; shown to be better than {reference}: {listed(better)} ({len(better)} of {len(others)})."
