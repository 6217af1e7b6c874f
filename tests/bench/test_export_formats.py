"""What every format has to hold, and that text from data stays text in each."""

import csv
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.toy_standings import METRICS, toy_standings
from report.page_parts import PageParts
from xdistill.bench.export import FORMATS, render
from xdistill.bench.export.document import FORMAT, FORMAT_VERSION, plain
from xdistill.errors import UserError
from xdistill.stats import Interval

HOSTILE = "<script>alert(1)</script> | \\ & % $x$ #_{}~^ [a](b) **c**\n# d \x1b[31m"
DOCS = Path(__file__).parents[2] / "docs" / "formats" / "standings.md"


@pytest.fixture(scope="module")
def standings():
    return toy_standings()


@pytest.fixture(scope="module")
def hostile(standings):
    """The same table with text in it that every format has to disarm."""
    first = replace(standings.entries[0], title=HOSTILE)
    cohort = replace(standings.cohort, title=HOSTILE, classes={HOSTILE: 270}, bounds={HOSTILE: 0.9, "images": 0.8})
    return replace(
        standings,
        title=HOSTILE,
        description=HOSTILE,
        reported_source=HOSTILE,
        missing=(HOSTILE,),
        cohort=cohort,
        entries=(first, *standings.entries[1:]),
        expectations=(replace(standings.expectations[0], text=HOSTILE, evidence=HOSTILE),),
    )


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_standings_give_the_same_text(standings, name):
    text = render(standings, name)
    assert text == render(standings, name)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_an_unknown_format_says_which_there_are(standings):
    with pytest.raises(UserError, match="no format 'markdown' for tables"):
        render(standings, "markdown")
    with pytest.raises(UserError, match="did you mean `html`"):
        render(standings, "htlm")


def test_a_table_without_entries_is_refused(standings):
    with pytest.raises(UserError, match=r"'toy' has no finished entry, so there is no table \(missing: sp, lstm\)"):
        render(replace(standings, entries=()), "md")


def test_a_link_that_runs_something_is_refused(standings):
    entries = (replace(standings.entries[0], link="javascript:alert(1)"),)
    with pytest.raises(UserError, match=r"entry 'cmdnet' of benchmark 'toy': the link 'javascript:alert\(1\)'"):
        render(replace(standings, entries=entries), "html")


def test_an_entry_without_a_shown_metric_is_named(standings):
    with pytest.raises(UserError, match="entry 'cmdnet' of benchmark 'toy' has no score by 'f1_weighted'"):
        render(replace(standings, metrics=(*METRICS, "f1_weighted")), "csv")


def test_csv_has_a_row_an_entry_and_metric(standings):
    rows = list(csv.DictReader(io.StringIO(render(standings, "csv"))))
    keys = [(row["entry"], row["metric"]) for row in rows]
    assert len(keys) == len(set(keys)) == 7 * 5 + 2  # three metrics, Brier, ECE; agreement of what is distilled
    row = rows[keys.index(("cmdnet", "auc_ovo"))]
    entry = standings.entries[0]
    against = entry.rows["auc_ovo"].against
    assert float(row["mean"]) == entry.rows["auc_ovo"].scores.mean
    assert float(row["p_holm"]) == against.p_holm
    assert (float(row["test_low"]), float(row["test_high"])) == against.test.interval
    assert (row["rank"], row["bold"], row["reference"]) == ("1", "yes", "s_pre_hbp")
    assert (float(row["reported_mean"]), float(row["reported_sd"])) == (0.7146, 0.0184)
    reference = rows[keys.index(("s_pre_hbp", "auc_ovo"))]
    assert (reference["p_holm"], reference["bold"], reference["difference"]) == ("", "", "")
    assert rows[keys.index(("teacher", "auc_ovo"))]["rank"] == ""


@pytest.mark.parametrize("title", ["=HYPERLINK(1)", "+1", "-1", "@x"])
def test_csv_starts_no_formula(standings, title):
    entries = (replace(standings.entries[0], title=title), *standings.entries[1:])
    (row, *_) = csv.DictReader(io.StringIO(render(replace(standings, entries=entries), "csv")))
    assert row["title"] == f"'{title}"


def test_json_holds_everything(standings):
    document = json.loads(render(standings, "json"))
    assert (document["format"], document["format_version"]) == (FORMAT, FORMAT_VERSION)
    assert document["cohort"]["bounds"] == {"images": 0.865, "images and clinical": 0.94}
    entry = document["entries"][0]
    against = standings.entries[0].rows["auc_ovo"].against
    assert entry["bold"] == ["accuracy", "auc_ovo", "f1_macro"]
    assert entry["rows"]["auc_ovo"]["against"]["splits"] == list(against.splits)
    assert entry["rows"]["auc_ovo"]["against"]["test"]["interval"] == list(against.test.interval)
    assert entry["reported"]["accuracy"] == {"mean": 0.6338, "sd": None}
    assert len(entry["rows"]["auc_ovo"]["scores"]["folds"]) == 15


def test_json_writes_what_is_not_finite_as_null():
    assert plain(Interval(0.5, -math.inf, math.nan)) == {"estimate": 0.5, "low": None, "high": None, "level": 0.95}


def test_every_key_of_the_document_is_described(standings):
    described = set(re.findall(r"`([a-z_0-9]+)`", DOCS.read_text(encoding="utf-8")))
    by_data = {"classes", "bounds", "rows", "calibration", "reported", "versions", "machine"}

    def keys(value):
        if isinstance(value, dict):
            for key, part in value.items():
                yield key
                for one in part.values() if key in by_data else [part]:
                    yield from keys(one)
        elif isinstance(value, list):
            for part in value:
                yield from keys(part)

    assert set(keys(json.loads(render(standings, "json")))) <= described
    header = render(standings, "csv").splitlines()[0].split(",")
    assert set(header) <= described


def test_latex_escapes_and_needs_no_repair(hostile):
    text = render(hostile, "latex")
    assert (
        r"\textless{}script\textgreater{}alert(1)\textless{}/script\textgreater{} \textbar{} \textbackslash{}" in text
    )
    assert r"\& \% \$x\$ \#\_\{\}\textasciitilde{}\textasciicircum{} {[}a](b) {*}{*}c{*}{*}" in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    cells = {len(re.findall(r"(?<!\\)&", row)) for row in rows}
    assert cells == {8}


def test_latex_is_bold_only_where_it_may_be(standings):
    text = render(standings, "latex")
    assert text.count(r"\textbf") == sum(len(standing.bold) for standing in standings.entries)
    assert r"CMD-Net & \textbf{" in text
    assert r"\cmidrule(l){7-9}" in text
    assert "Synthetic cohort: no patient is real." in text


def test_markdown_disarms_text(hostile):
    text = render(hostile, "md")
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "\n# d" not in text
    assert r"\[a\](b) \*\*c\*\* \# d" in text
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("| 1 |")}
    assert widths == {9}


def test_html_disarms_text(hostile):
    html = render(hostile, "html")
    page = PageParts(html)
    assert "<script>alert" not in html
    assert len(page.all("script")) == 1
    assert "<script>alert(1)</script> | \\ & %" in page.words


def test_nothing_is_significant_where_methods_are_equal():
    equal = toy_standings(seed=3, signals=dict.fromkeys(("cmdnet", "kd", "s_pre_hbp", "m2net", "concat"), 0.6))
    students = [standing for standing in equal.entries if standing.track == "student"]
    assert not any(standing.bold for standing in students)
    text = render(equal, "md")
    assert "of 4 methods none is shown to be better than S-pre-hbp." in text
    assert text.count("**") == 2 * (1 + sum(len(standing.bold) for standing in equal.entries))  # the notice is bold
