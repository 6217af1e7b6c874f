"""Standings on a terminal and in a pipe."""

import io

import pytest
from rich.console import Console

from bench.toy_standings import toy_standings
from xdistill.cli.bench.standings import print_standings


@pytest.fixture(scope="module")
def standings():
    return toy_standings()


def printed(standings, *, width: int, terminal: bool, everything: bool = False) -> str:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width, color_system=None, highlight=False)
    print_standings(standings, console, everything=everything)
    return file.getvalue()


def test_a_wide_terminal_has_every_column(standings):
    text = printed(standings, width=160, terminal=True)
    assert "Synthetic cohort: no patient is real." in text
    assert "(anticonservative)" in text
    assert "Columns left out" not in text
    assert "M²Net <b>& co</b>" in text
    first = standings.entries[0].rows["auc_ovo"]
    assert f"{100 * first.scores.mean:.2f} ± {100 * first.scores.sd:.2f}*" in text
    assert "✗ concat is not better than s_pre_hbp: does not hold. +6.00 points" in text
    assert "Not run yet: sp and lstm." in text


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_narrow_terminal_says_what_it_leaves_out(standings, width):
    text = printed(standings, width=width, terminal=True, everything=True)
    assert "Columns left out: " in text
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for standing in standings.entries:
        assert f"{100 * standing.rows['auc_ovo'].scores.mean:.2f}" in text


def test_a_pipe_gets_whole_lines(standings):
    lines = printed(standings, width=40, terminal=False, everything=True).splitlines()
    (head,) = [line for line in lines if line.startswith("Rank  Method")]
    rows = lines[lines.index(head) + 1 :][:5]
    assert [row.split()[0] for row in rows] == ["1", "2", "3", "4", "5"]
    assert head.endswith("paper_compat p (anticonservative)")
    assert {row.index(" ± ") for row in rows} == {rows[0].index(" ± ")}  # figures stand under each other
    assert "Reported by Li et al. 2022, Table 1 (not comparable: another cohort)." in lines
