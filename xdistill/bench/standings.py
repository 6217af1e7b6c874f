"""What a table of a benchmark holds: everything in it is computed from per-subject predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xdistill.stats.compare import Row
from xdistill.stats.distillation import GapClosed
from xdistill.stats.metrics import Summary


@dataclass(frozen=True)
class Reported:
    """A number that a publication states; shown next to what was reproduced, never ranked with it.

    Attributes:
        mean: in the unit of the metric here, so 0.7146 for a printed 71.46.
        sd: standard deviation as printed; None where none is.
    """

    mean: float
    sd: float | None = None


@dataclass(frozen=True)
class Standing:
    """One entry of a benchmark.

    Attributes:
        entry: its name, unique within the benchmark.
        title: what tables call it.
        track: entries of one track are compared with each other; ``student`` is the ranked one.
        rank: by the primary metric within the ranked track, from 1; None outside of it.
        rows: scores, intervals and the comparison with the reference, by metric.
        bold: metrics in which the entry is better than the reference with a Holm-adjusted p below 0.05.
        gap: share of the teacher's lead that the entry closed, by the primary metric; None for what is not distilled.
        agreement: share of test subjects whom teacher and student give the same class; None without a teacher.
        calibration: Brier score and expected calibration error, by name.
        reported: what the publication states, by metric.
        inputs: modalities that are used at test time.
        parameters: trainable numbers of the network that is tested.
        seconds: training time of one fold, mean; None if it cannot be compared with that of most other entries.
        seeds: number of seeds that are averaged.
        run: the run's identity, twelve hexadecimal digits per seed.
        versions: of Python, torch, xdistill and the plugins.
        machine: what it was computed on.
        said: who replayed or signed its records, as files next to them say.
        link: the run's own report, relative to the place that a page is written to; empty when there is none.
    """

    entry: str
    title: str
    track: str
    rank: int | None
    rows: Mapping[str, Row]
    bold: frozenset[str]
    gap: GapClosed | None
    agreement: Summary | None
    calibration: Mapping[str, Summary]
    reported: Mapping[str, Reported]
    inputs: tuple[str, ...]
    parameters: int
    seconds: float | None
    seeds: int
    run: tuple[str, ...]
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    link: str = ""
    said: tuple[str, ...] = ()

    @property
    def checked(self) -> str:
        """Who replayed or signed the records, as a table shows it; says so where none did."""
        return "; ".join(self.said) or "neither replayed nor signed"


@dataclass(frozen=True)
class CohortFacts:
    """The cohort and the splits that all entries share.

    Attributes:
        title: what the cohort is.
        synthetic: whether its subjects are generated.
        subjects: number of subjects.
        patients: number of patients.
        classes: subjects by class.
        fingerprint: of the cohort.
        split_hash: of the splits.
        folds: folds per repeat.
        repeats: number of repeats.
        bounds: scores that no method can beat but by chance, by what is known then; generated cohorts only.
    """

    title: str
    synthetic: bool
    subjects: int
    patients: int
    classes: Mapping[str, int]
    fingerprint: str
    split_hash: str
    folds: int
    repeats: int
    bounds: Mapping[str, float]


@dataclass(frozen=True)
class Expectation:
    """What a control has to show, and whether it does.

    Attributes:
        text: such as ``kd is not better than s_pre_hbp``.
        holds: whether the records show it; None when an entry is missing.
        evidence: the figures that decide.
    """

    text: str
    holds: bool | None
    evidence: str


@dataclass(frozen=True)
class Standings:
    """A whole table.

    Attributes:
        name: of the benchmark.
        title: of the benchmark.
        description: free text.
        reference: name of the entry that all others are compared with.
        primary: the metric that ranks.
        metrics: the metrics shown, the primary first.
        cohort: what all entries share.
        entries: the ranked track by rank, then the other tracks.
        missing: entries without a finished run, by name.
        reported_source: the publication of the reported numbers; empty when there are none.
        expectations: of a control; empty for an ordinary benchmark.
        units: of the metrics that have one, such as the mean absolute error of a regression.
    """

    name: str
    title: str
    description: str
    reference: str
    primary: str
    metrics: tuple[str, ...]
    cohort: CohortFacts
    entries: tuple[Standing, ...]
    missing: tuple[str, ...]
    reported_source: str
    expectations: tuple[Expectation, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
