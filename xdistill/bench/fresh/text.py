"""The table as Markdown, CSV and JSON, and as lines for a terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Final

from xdistill.bench.export.wording import p_value
from xdistill.bench.fresh.table import Gain, GainTable
from xdistill.errors import UserError
from xdistill.stats import ALPHA
from xdistill.untrusted import CsvWriter

HEADS: Final = ("training", "method", "cohorts", "AUC", "teacher", "gain", "95 % interval", "p", "Holm", "of oracle")


def render_gains(table: GainTable, fmt: str) -> str:
    """The table as text.

    Args:
        table: the table.
        fmt: ``md``, ``csv`` or ``json``.

    Raises:
        UserError: for another format.
    """
    if fmt not in _WRITERS:
        raise UserError(
            f"a benchmark with `fresh_test` is written as {', '.join(_WRITERS)}, and not as {fmt}; the figure is "
            f"written next to the file"
        )
    return _WRITERS[fmt](table)


def cells(gain: Gain) -> tuple[str, ...]:
    """One row of a table for readers, under `HEADS`."""
    difference = gain.difference
    score = f"{100 * gain.score:.2f} ± {100 * gain.sd:.2f}"
    teacher = "" if gain.teacher is None else f"{100 * gain.teacher:.2f}"
    head = (str(gain.train), gain.title, str(gain.cohorts), score, teacher)
    if difference is None or gain.p_holm is None:
        return (*head, "", "", "", "", "")
    interval = "" if difference.interval is None else " to ".join(f"{100 * end:+.2f}" for end in difference.interval)
    star = "*" if is_better(gain) else ""
    share = "" if gain.share is None else f"{100 * gain.share:.0f} %"
    points = f"{100 * difference.mean:+.2f}{star}"
    return (*head, points, interval, p_value(difference.p_value), p_value(gain.p_holm), share)


def is_better(gain: Gain) -> bool:
    """Whether an entry is better than the reference, with a Holm-adjusted p below 0.05."""
    return gain.difference is not None and gain.p_holm is not None and gain.p_holm < ALPHA and gain.difference.mean > 0


def notes(table: GainTable) -> Iterator[str]:
    """What a reader has to know, in sentences."""
    yield (
        f"All methods share generated cohorts and are tested on {table.test:,} fresh subjects of each. "
        f"No subject is real."
    )
    if table.truth:
        yield (
            "A test subject counts as every class by its true probability, and not by its label alone: the AUC has the "
            "same mean as with labels and varies less."
        )
    yield (
        f"AUC is {table.metric} in percent, mean ± standard deviation over cohorts. Gain is the difference to "
        f"{table.reference} in points, with the 95 % interval and the p-value of the paired t-test over cohorts; "
        f"Holm's procedure counts all {table.comparisons} comparisons. A star: better, with an adjusted p below "
        f"{ALPHA:g}."
    )
    if table.half_width is not None:
        yield (
            f"A method is trained on more cohorts until its interval is at most ±{table.half_width:g} points, or all "
            f"cohorts are used; {_wide(table, table.half_width / 100)}. Gains compare the same cohorts, and the AUCs "
            f"of rows with different numbers of cohorts do not. Tests reject a little too often under this rule."
        )
    if table.oracle:
        yield "`of oracle` is the share of the oracle's gain, where the interval of that gain lies above zero."
    if table.found < table.wanted:
        more = "" if table.half_width is None else " or more"
        yield f"Not finished: {table.found} of {table.wanted}{more} results."


def _wide(table: GainTable, limit: float) -> str:
    """How many intervals are not narrow enough."""
    found = [gain.difference for gain in table.gains if gain.difference is not None]
    wide = sum(one.interval is not None and one.interval[1] - one.mean > limit * (1 + 1e-9) for one in found)
    return f"{wide} of {len(found)} intervals are wider"


def _markdown(table: GainTable) -> str:
    lines = [f"# {_plain(table.title)}", ""]
    if table.description:
        lines += [_plain(table.description), ""]
    for value in table.values:
        if value:
            lines += [f"## {table.setting}: {_plain(value)}", ""]
        lines.append("| " + " | ".join(HEADS) + " |")
        lines.append("|" + "|".join(["--:", ":--", *["--:"] * (len(HEADS) - 2)]) + "|")
        rows = [cells(gain) for gain in table.gains if gain.value == value]
        lines += ["| " + " | ".join(map(_plain, row)) + " |" for row in rows]
        lines.append("")
    for note in notes(table):
        lines += [note, ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text in which nothing is taken for Markdown or HTML."""
    from html import escape

    line = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]|#" else letter for letter in escape(line, quote=False))


_FIELDS: Final = (
    "setting", "value", "train", "entry", "title", "cohorts", "score", "sd", "teacher", "gain", "gain_sd", "low",
    "high", "p", "p_holm", "share", "seconds",
)  # fmt: skip


def _csv(table: GainTable) -> str:
    text = io.StringIO()
    writer = CsvWriter(text, numbers=False)
    writer.writerow(_FIELDS)
    for gain in table.gains:
        row = {name: value for name, value in asdict(gain).items() if name in _FIELDS}
        if gain.difference is not None:
            low, high = gain.difference.interval or (None, None)
            row |= {"gain": gain.difference.mean, "gain_sd": gain.difference.sd, "low": low, "high": high}
            row["p"] = gain.difference.p_value
        row["setting"] = table.setting
        writer.writerow(row.get(name, "") for name in _FIELDS)
    return text.getvalue()


def _json(table: GainTable) -> str:
    return json.dumps(asdict(table), indent=2, ensure_ascii=False) + "\n"


_WRITERS: Final[dict[str, Callable[[GainTable], str]]] = {"md": _markdown, "csv": _csv, "json": _json}
