"""Rules that choose a series for each phase."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from xdistill.errors import UserError
from xdistill.interfaces import Settings
from xdistill.interfaces.series import Chosen, Found, Series
from xdistill_dicom.grouping import Part

Texts = tuple[str, ...]
_SHOWN = 3


class Rule(Settings):
    """Conditions that a series has to fulfil, all of them. Patterns hold ``*`` and ``?``; case does not matter."""

    description: Texts = Field(default=(), description="patterns of SeriesDescription, of which one fits")
    protocol: Texts = Field(default=(), description="patterns of ProtocolName, of which one fits")
    exclude: Texts = Field(default=(), description="patterns of which none fits description or protocol")
    modality: Texts = Field(default=(), description="such as MR or CT")
    image_type: Texts = Field(default=(), description=r"patterns of ImageType, as in `original\primary\*`")
    contrast: bool | None = Field(default=None, description="whether a contrast agent is stated")
    seconds: tuple[float, float] | None = Field(
        default=None, description="from and to, since the first series of the study"
    )
    slices: tuple[int, int] | None = Field(default=None, description="smallest and largest number of slices")
    part: Annotated[int, Field(ge=1)] | None = Field(default=None, description="which time point of its series")
    order: Literal["first", "last"] | Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="which one by time, where several fit: first, last, or its number"
    )

    @field_validator("description", "protocol", "exclude", "modality", "image_type", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    def fits(self, series: Series) -> bool:
        """Whether a series fulfils the conditions other than `order`."""
        part = series.source
        if not isinstance(part, Part):
            return False
        header = part.grid.slices[0]
        return (
            _any(self.description, series.description)
            and _any(self.protocol, series.protocol)
            and not (self.exclude and (_any(self.exclude, series.description) or _any(self.exclude, series.protocol)))
            and _any(self.modality, series.modality)
            and _any(self.image_type, "\\".join(header.kind))
            and self.contrast in {None, header.contrast}
            and _within(self.seconds, series.seconds)
            and _within(self.slices, series.size[2])
            and self.part in {None, part.number or 1}
        )


def read_rules(rules: Mapping[str, Any]) -> dict[str, Rule]:
    """Check rules; a text, or a list of texts, is short for a ``description``.

    Raises:
        UserError: with all that is wrong.
    """
    read: dict[str, Rule] = {}
    wrong: list[str] = []
    for name, value in rules.items():
        if not name.replace("-", "_").isidentifier() or name.lower() in {"subject", "patient", "label", "day", "date"}:
            wrong.append(f"{name!r} is not a valid name of a phase; use letters, digits and _, and no name of a column")
            continue
        block = {"description": value} if isinstance(value, (str, list, tuple)) else value
        try:
            read[name] = Rule.model_validate(block)
        except ValidationError as error:
            wrong += [
                f"{'.'.join([name, *map(str, problem['loc'])])}: {problem['msg'][:1].lower()}{problem['msg'][1:]}"
                for problem in error.errors(include_url=False, include_input=False, include_context=False)
            ]
    if not rules:
        wrong.append("there is no phase; give a rule for each, as in `hbp: '*hepatobiliary*'`")
    if wrong:
        fields = ", ".join(Rule.model_fields)
        raise UserError("\n  ".join(["the rules are not valid:", *wrong, f"fields of a rule: {fields}"]))
    return read


def choose(found: Found, rules: Mapping[str, Any]) -> Chosen:
    """The series of each study that fit the rules; see `SeriesFormat.choose`."""
    read = read_rules(rules)
    studies: dict[str, list[Series]] = {}
    for series in found.series:
        studies.setdefault(series.subject, []).append(series)
    rows: dict[str, dict[str, Series]] = {}
    several: Counter[str] = Counter()
    lacking: Counter[str] = Counter()
    refused: dict[str, Counter[str]] = {name: Counter() for name in read}
    for subject, own in studies.items():
        rows[subject] = {}
        for name, rule in read.items():
            fitting = [series for series in own if rule.fits(series)]
            usable = _picked([series for series in fitting if not series.problems], rule)
            if len(usable) > 1:
                several[name] += 1
            elif usable:
                rows[subject][name] = usable[0]
            else:
                lacking[name] += 1
                refused[name].update(problem for series in fitting[:1] for problem in series.problems)
    _check(several, dict.fromkeys(several, found.series), read)
    kept = {subject: row for subject, row in rows.items() if row}
    notes = [_lacking(name, count, len(studies), refused[name]) for name, count in lacking.items()]
    if len(kept) < len(rows):
        notes.append(f"{_studies(len(rows) - len(kept))} without any phase: left out")
    if not kept:
        raise UserError("\n  ".join(["no series fits the rules:", *notes]))
    return Chosen(found, tuple(read), kept, tuple(notes))


def _picked(fitting: Sequence[Series], rule: Rule) -> list[Series]:
    if rule.order is None or len(fitting) == 0:
        return list(fitting)
    if isinstance(rule.order, int):
        return list(fitting[rule.order - 1 : rule.order])
    return [fitting[0 if rule.order == "first" else -1]]


def _check(several: Mapping[str, int], series: Mapping[str, Sequence[Series]], rules: Mapping[str, Rule]) -> None:
    if not several:
        return
    lines = []
    for name, count in several.items():
        fitting = [one.description for one in series[name] if rules[name].fits(one) and not one.problems]
        examples = ", ".join(repr(text) for text, _ in Counter(fitting).most_common(_SHOWN))
        lines.append(f"{name}: fits several series of {_studies(count)} (descriptions: {examples})")
    raise UserError(
        "\n  ".join(
            [
                "rules must choose one series of a study; narrow them, or add `order: first`, `last` or a number:",
                *lines,
            ]
        )
    )


def _lacking(name: str, count: int, studies: int, refused: Mapping[str, int]) -> str:
    text = f"{name}: no series in {count} of {_studies(studies)}"
    if refused:
        reasons = "; ".join(f"{reason} ({times})" for reason, times in refused.items())
        text += f"; refused: {reasons}"
    return text


def _studies(count: int) -> str:
    return f"{count} {'study' if count == 1 else 'studies'}"


def _any(patterns: Texts, text: str) -> bool:
    return not patterns or any(fnmatchcase(text.casefold(), pattern.casefold()) for pattern in patterns)


def _within(limits: tuple[float, float] | None, value: float | None) -> bool:
    return limits is None or (value is not None and limits[0] <= value <= limits[1])
