"""What the figures of a table mean and do not mean; the same sentences in every format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from xdistill.bench.export.facts import compared, reference_title, reported_title, splits, tracks
from xdistill.bench.export.wording import interval, level, listed, metric_title, one_line, points, style_of
from xdistill.bench.records.remarks import differing
from xdistill.bench.standings import Standing, Standings
from xdistill.report.scores import FEWEST
from xdistill.stats.bootstrap import Interval
from xdistill.stats.compare import ALPHA


def notes(standings: Standings) -> tuple[str, ...]:
    """One paragraph per topic."""
    return tuple(_notes(standings))


def gap_reasons(standings: Standings, entries: Sequence[Standing]) -> tuple[str, ...]:
    """Why distilled entries have no share of the gap, entries of the same reason together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for standing in entries:
        if standing.gap is not None and standing.gap.share is None:
            texts = (one_line(standing.gap.reason), _in_points(standing.gap.gap, standings.primary))
            gain = _in_points(standing.gap.gain, standings.primary)
            groups.setdefault(texts, []).append(f"{one_line(standing.title)} {gain}")
    title = metric_title(standings.primary, standings)
    unit = ", in points" if style_of(standings.primary).percent else ""
    return tuple(
        f"No share of the gap closed, since {reason}. Teacher {title} minus student alone{unit}: {gap}. "
        f"Distilled minus student alone: {'; '.join(gains)}."
        for (reason, gap), gains in groups.items()
    )


def other_versions(standings: Standings) -> Iterator[str]:
    """Which rows were made with other versions than most, as their records state."""
    for names, text in differing({one_line(one.title): one.versions for one in standings.entries}):
        yield f"Made with other versions than the other rows: {', '.join(names)}, with {one_line(text)}."


def found_difference(standings: Standings) -> tuple[float, float, float] | None:
    """How far from the reference a mean has to lie before the corrected test notices: median, least and largest.

    Half of the tests' intervals by the primary metric, over the ranked entries, in the metric's unit. None where no
    test is defined.
    """
    halves = [
        (test.interval[1] - test.interval[0]) / 2
        for track in tracks(standings)
        if track.ranked
        for standing in track.entries
        for against in [standing.rows[standings.primary].against]
        if against is not None
        for test in [against.test]
        if test.interval is not None
    ]
    return (median(halves), min(halves), max(halves)) if halves else None


def _notes(standings: Standings) -> Iterator[str]:
    cohort = standings.cohort
    yield _about_deviations(standings)
    sample = standings.entries[0].rows[standings.primary].interval
    yield (
        f"The {level(sample)} interval of a score is a stratified bootstrap of patients within test folds. It accounts "
        f"for the choice of test patients, with the trained networks held fixed."
    )
    if compared(standings):
        yield from _about_tests(standings)
    if any(standing.gap is not None for standing in standings.entries):
        yield (
            "Gap closed: (distilled - student alone) / (teacher - student alone), with a paired bootstrap interval. "
            "Agreement: share of test subjects whom teacher and student give the same class."
        )
    if any(standing.calibration for standing in standings.entries):
        yield "Brier score: 0 to 2, all classes. ECE: expected calibration error, 0 to 1, ten bins. Lower is better."
    if any(standing.seconds is None for standing in standings.entries):
        whole = all(standing.seconds is None for standing in standings.entries)
        what = "Training times" if whole else "Other training times"
        yield (
            f"{what} are left out, because they cannot be compared: for that, runs have to state the same machine, the "
            f"same number of folds trained at once, and that no teacher was taken from the cache."
        )
    if cohort.bounds:
        yield (
            f"Best possible: what no method exceeds on average, computed from the known truth of the generated cohort "
            f"({metric_title('auc_ovo', standings)})."
        )
    yield from other_versions(standings)
    if any(standing.said for standing in standings.entries):
        yield (
            "Checked: who trained folds of a record again and got its predictions, and who signed it, as the files "
            "next to the record say. The other rows are what their submitters state."
        )
    else:
        yield "No row was replayed or signed: the predictions are what their submitters state."
    if reported_title(standings):
        reason = " on another cohort" if cohort.synthetic else ""
        yield (
            f"Reported numbers are those that {one_line(standings.reported_source) or 'the publication'} states, "
            f"obtained{reason} with other splits. They are shown for information, and neither ranked nor tested."
        )


def _about_deviations(standings: Standings) -> str:
    seeds = "Seeds of a method are averaged within a fold first; they are not further observations."
    if standings.cohort.folds * standings.cohort.repeats < FEWEST:
        return f"Means over {splits(standings)}, which are too few for a standard deviation. {seeds}"
    return (
        f"± is the standard deviation (ddof 1) over {splits(standings)}: how folds scatter, not how sure the mean is. "
        f"{seeds}"
    )


def _about_tests(standings: Standings) -> Iterator[str]:
    title, reference = metric_title(standings.primary, standings), reference_title(standings)
    yield (
        f"Differences are paired over the same splits and taken to {reference}. The corrected resampled t-test "
        f"(Nadeau and Bengio 2003) decides; the 95 % interval of a difference is of this test, before adjustment. p is "
        f"adjusted by Holm's procedure for the number of methods in the same table. Bold: better than {reference} with "
        f"an adjusted p below {ALPHA:g}; nothing else is."
    )
    yield (
        "paper_compat is the naive paired t-test over the folds of the first repeat, as papers print it. It is "
        "anticonservative, which means that it finds differences that are not there, and decides nothing here."
    )
    found = found_difference(standings)
    if found is not None:
        style = style_of(standings.primary)
        typical, least, largest = (f"{style.factor * value:.{1 if style.percent else 3}f}" for value in found)
        spread = "" if least == largest else f" ({least} to {largest}, by method)"
        yield (
            f"How large a difference can be found: a mean {title} has to lie about {typical}{style.points}{spread} "
            f"from that of {reference} before the test notices, and further after adjustment. A true difference of "
            f"that size is missed about every other time. That nothing is bold does not show that methods are equal."
        )


def _in_points(difference: Interval, metric: str) -> str:
    return f"{points(difference.estimate, metric)} ({interval(difference, metric, signed=True)})"


def missing_note(standings: Standings) -> str:
    """Which entries have no run; empty if all have one."""
    names = [one_line(name) for name in standings.missing]
    return f"Not run yet: {listed(names)}." if names else ""
