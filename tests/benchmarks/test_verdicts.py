"""The verdicts of `diagnose` on the bundled recipes: the page is made of the record, and no recipe is left out."""

import importlib.util
import re
from pathlib import Path

import pytest

from xdistill.recipe.bundled import bundled_names

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("diagnose_benchmark", ROOT / "benchmarks" / "diagnose.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_made_of_the_record(script):
    page = (ROOT / "docs" / "diagnose-table.md").read_text(encoding="utf-8")
    assert page == script.page(script.read(script.RECORD)) + "\n"


def test_every_bundled_recipe_has_a_verdict_or_a_reason(script):
    rows = [row for row in script.read(script.RECORD) if not row["seed"] and not row["quick"]]
    assert sorted(row["recipe"] for row in rows) == sorted(bundled_names())
    for row in rows:
        assert row.get("verdict") in script.EXPECTED or script.NO_TEACHER in row["error"]


def test_the_counts_of_the_documentation_are_those_of_the_record(script):
    text = " ".join((ROOT / "docs" / "diagnose.md").read_text(encoding="utf-8").split())
    rows = [row for row in script.read(script.RECORD) if "error" not in row and not row["quick"]]
    own, other = ([row for row in rows if bool(row["seed"]) is seed] for seed in (False, True))
    cells = {
        "*promising* or *possible*": ("promising", "possible"),
        "*small*, *unclear* or *nothing*": ("small", "unclear", "nothing"),
    }
    for name, verdicts in cells.items():
        found = [[row for row in part if row["verdict"] in verdicts] for part in (own, other)]
        counts = [f"{len(part)} | {sum(row['gain'][1] > 0 for row in part)}" for part in found]
        assert f"| {name} | {' | '.join(counts)} |" in text
    gaining = [row for row in own if row["gain"][1] > 0]
    worse = [row for row in gaining if row["imitating"] and row["imitating"][2] < 0]
    assert f"in {len(worse)} of {len(gaining)} recipes that gain" in text
    (decided, right, never), of_other = (re.findall(r"\d+", script.in_words(part)) for part in (own, other))
    assert f"Of {decided} verdicts that decide, {right} are right; to expect no gain" in text
    assert f"of any recipe would be right {never} times" in text
    decided, right, never = of_other
    assert f"{right} of {decided} verdicts that decide are right, and to expect no gain would be right {never}" in text


def row(verdict, low):
    return {"verdict": verdict, "gain": [0.01, low, 0.02]}


@pytest.mark.parametrize(
    ("verdict", "low", "expected"),
    [
        ("promising", 0.001, "right"),
        ("promising", -0.001, "wrong"),
        ("possible", 0.001, "open"),
        ("small", 0.001, "wrong"),
        ("small", -0.001, "right"),
    ],
)
def test_judged(script, verdict, low, expected):
    assert script.judged(row(verdict, low)) == expected


def test_published_scores_of_many_cohorts(script):
    mean, low, high = script.on_fresh_cohorts("mvi_hcc_best")
    assert [round(100 * value, 2) for value in (mean, low, high)] == [1.26, 0.70, 1.82]


def full(recipe, verdict, low, **changes):
    spans = {"lead": [0.1, 0.05, 0.15], "imitating": None, "room": [0.01, -0.01, 0.03], "gain": [0.02, low, 0.04]}
    shared = {"seed": 0, "quick": False, "metric": "auc_ovo", "percent": True, "unit": "", "shown": 0.02}
    return {"recipe": recipe, "verdict": verdict, **shared, **spans, **changes}


def test_the_page_counts_what_is_right(script):
    rows = [
        full("a", "promising", 0.01),
        full("b", "promising", -0.01),
        full("c", "small", -0.01),
        full("a", "small", 0.01, seed=1),
        full("tasks/regression", "possible", 0.01, percent=False, unit="mg/L"),
        {"recipe": "d", "seed": 0, "quick": False, "error": f"d: {script.NO_TEACHER}"},
    ]
    page = script.page(rows)
    own, other = page.split("## Other seeds")
    assert "| promising | 2 | 1 | 1 | 1 |" in own
    assert "Of 3 verdicts that decide, 2 are right. To expect no gain of any recipe would be right 2" in own
    assert "| small | 1 | 0 | 1 | 0 |" in own
    assert "| small | 1 | 1 | 0 | 1 |" in other
    assert "| a | auc_ovo | +10.0 (+5.0 to +15.0) |  | +1.0 (-1.0 to +3.0) | 2.0 | promising |" in own
    assert "+0.02 (+0.01 to +0.04) mg/L | open |" in own
    assert page.endswith("- No teacher: `d`.")
