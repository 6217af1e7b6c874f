"""The leaderboard's HTML without a browser: structure, figures, and words for who does not see charts."""

import base64
import hashlib
import re
from dataclasses import replace

import pytest

from bench.toy_standings import toy_standings
from report.page_parts import PageParts
from xdistill.bench.export import render
from xdistill.bench.export.facts import tracks
from xdistill.bench.export.page import difference_chart, score_chart
from xdistill.stats import Interval
from xdistill.stats.significance import TTest


@pytest.fixture(scope="module")
def standings():
    return toy_standings()


@pytest.fixture(scope="module")
def html(standings):
    return render(standings, "html")


@pytest.fixture(scope="module")
def page(html):
    return PageParts(html)


def test_the_cohort_is_named_for_what_it_is(page, standings):
    assert "Synthetic cohort: no patient is real" in page.words
    assert "Reported by Li et al. 2022, Table 1 (not comparable: another cohort)" in page.words
    real = PageParts(render(replace(standings, cohort=replace(standings.cohort, synthetic=False)), "html")).words
    assert "no patient is real" not in real
    assert "Reported by Li et al. 2022, Table 1 (never ranked)" in real


def test_every_figure_stands_as_text(page, standings):
    for standing in standings.entries:
        for metric in standings.metrics:
            assert f"{100 * standing.rows[metric].scores.mean:.2f} ± " in page.words
        for value in standing.rows["auc_ovo"].scores.folds:
            assert f"{100 * value:.1f}" in page.words
    for told in ("270 of 270 patients", "5f5f5f5f5f5f5f5f", "c0c0c0c0c0c0c0c0", "torch 2.9.1", "Linux x86_64"):
        assert told in page.words
    assert "Not run yet: sp and lstm." in page.words


def test_charts_speak(page, standings):
    labels = [chart["aria-label"] for chart in page.all("svg") if chart.get("role") == "img"]
    assert len(labels) == 2 * len(standings.entries)
    assert all(label.endswith(".") for label in labels)
    mean = standings.entries[0].rows["auc_ovo"].scores.mean
    assert labels[0].startswith(f"CMD-Net: mean {100 * mean:.2f} percent, 95 % interval ")
    assert "S-pre-hbp: the reference." in labels
    silent = [chart for chart in page.all("svg") if chart.get("role") != "img"]
    assert all(chart["aria-hidden"] == "true" for chart in silent)


def test_bold_only_where_it_may_be(html, standings):
    board = html[html.index("<tbody") : html.index("</table>")]
    rows = board.split("<tr ")[1:]
    ranked = [standing for standing in standings.entries if standing.rank is not None]
    assert len(rows) == len(ranked)
    for row, standing in zip(rows, ranked, strict=True):
        assert ("<strong>" in row) == ("auc_ovo" in standing.bold)
    assert any("<strong>" in row for row in rows)
    assert not all("<strong>" in row for row in rows)


def test_headings_ids_and_regions(page):
    assert len(page.all("h1")) == 1
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for region in (one for one in page.all("div") if one.get("role") == "region"):
        assert region["aria-labelledby"] in ids
    assert "kd is better than s_pre_hbp holds +5.10 points, adjusted p 0.004" in page.words


def test_only_this_script_may_run_and_nothing_is_loaded(html, page):
    (policy,) = [one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "http:" not in html
    assert "https:" not in html
    assert not page.all("link")
    assert not page.all("img")
    assert {one["href"].rpartition("/")[2] for one in page.all("a")} == {"report.html"}


def test_it_is_small(html):
    assert len(html.encode()) < 100_000


def test_lines_of_the_bounds_only_beside_the_metric_that_they_are_about(standings):
    track = tracks(standings)[0]
    assert [line.kind for line in score_chart(standings, track).lines] == ["reference", "bound", "bound"]
    by_f1 = replace(standings, primary="f1_macro")
    assert [line.kind for line in score_chart(by_f1, track).lines] == ["reference"]


def test_marks_stand_in_order_on_one_axis(standings):
    track = tracks(standings)[0]
    chart = score_chart(standings, track)
    centres = [marks.centre for marks, _ in chart.rows]
    assert centres == sorted(centres, reverse=True)
    assert all(0 <= x <= chart.axis.width for marks, _ in chart.rows for x, _ in marks.dots)
    assert all(len(marks.dots) == 15 for marks, _ in chart.rows)
    differences = difference_chart(standings, track)
    assert [marks is None for marks, _ in differences.rows] == [
        standing.entry == "s_pre_hbp" for standing in track.entries
    ]
    zero = differences.axis.x(0)
    for (marks, _), standing in zip(differences.rows, track.entries, strict=True):
        if marks is not None and "auc_ovo" in standing.bold:
            assert marks.bar[0] > zero


def test_who_shares_the_first_rank_shares_the_sentence(standings):
    first, second = standings.entries[:2]
    tied = replace(second, rank=1, rows=first.rows)
    words = PageParts(render(replace(standings, entries=(first, tied, *standings.entries[2:])), "html")).words
    assert "CMD-Net and KD share the highest Macro OvO AUC, " in words


def test_a_missing_reference_leaves_scores_alone(standings):
    def alone(standing):
        rows = {metric: replace(row, against=None) for metric, row in standing.rows.items()}
        return replace(standing, rows=rows, bold=frozenset())

    entries = tuple(alone(standing) for standing in standings.entries if standing.entry != "s_pre_hbp")
    words = PageParts(render(replace(standings, entries=entries, missing=("s_pre_hbp",)), "html")).words
    assert "Nothing is compared, since the reference s_pre_hbp is missing." in words
    assert "Holm" not in words
    assert "Not run yet: s_pre_hbp." in words


def test_a_test_that_is_not_defined_has_no_interval(standings):
    first = standings.entries[0]
    against = first.rows["auc_ovo"].against
    test = TTest("corrected resampled t", 0.02, None, 14, 1.0, None, defined=False)
    same = replace(
        against, difference=Interval(0.02, 0.02, 0.02), splits=(0.02,) * 15, test=test, p_holm=1.0, paper_compat=None
    )
    rows = {**first.rows, "auc_ovo": replace(first.rows["auc_ovo"], against=same)}
    entries = (replace(first, rows=rows, bold=frozenset()), *standings.entries[1:])
    html = render(replace(standings, entries=entries), "html")
    assert "CMD-Net: +2.00 points, no interval, since all splits differ by the same." in html
    for name in ("md", "csv", "json", "latex"):
        assert render(replace(standings, entries=entries), name)


def test_no_share_of_the_gap_without_a_reason(standings):
    gap = replace(standings.entries[0].gap, share=None, reason="the gap cannot be distinguished from zero <x>")
    entries = (replace(standings.entries[0], gap=gap), *standings.entries[1:])
    words = PageParts(render(replace(standings, entries=entries), "html")).words
    assert "No share of the gap closed, since the gap cannot be distinguished from zero <x>." in words
