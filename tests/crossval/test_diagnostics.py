"""Diagnostics: right by hand, and without any effect on training."""

import pytest
import torch

from tiny import tiny, trained
from xdistill.crossval.diagnostics import _cosine, cka
from xdistill.report.page import render_report


def test_cka_by_hand():
    values = torch.tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 5.0], [3.0, 3.0]])
    turned = values @ torch.tensor([[0.6, -0.8], [0.8, 0.6]])
    assert cka(values, 3 * turned + 7) == pytest.approx(1.0)
    assert cka(values, torch.ones(4, 3)) == 0.0
    # Two centred columns at right angles have nothing in common.
    assert cka(torch.tensor([[1.0], [1.0], [-1.0], [-1.0]]), torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])) == 0.0
    # One column in common, one of equal length not: products a aT + b bT against a aT, so 16 / (16 * sqrt 2).
    both = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert cka(both, both[:, :1]) == pytest.approx(0.5**0.5)


def test_cosine_leaves_out_what_one_side_does_not_reach():
    first = [torch.tensor([3.0, 4.0]), None]
    assert _cosine(first, [torch.tensor([3.0, 4.0]), torch.tensor([12.0])]) == pytest.approx(25 / (5 * 13))
    assert _cosine(first, [torch.tensor([-3.0, -4.0]), None]) == pytest.approx(-1.0)
    assert _cosine(first, [None, torch.tensor([1.0])]) == 0.0


def test_a_run_says_more_and_learns_the_same(tiny_run, tmp_path, shared_cache):
    run = trained(tiny(diagnostics=True), runs=tmp_path, cache=shared_cache)
    assert run.path.name != tiny_run.path.name
    assert run.folder.predictions.read_bytes() == tiny_run.folder.predictions.read_bytes()
    row = run.history[0].values
    assert {name for name in row if name.startswith("diagnostic.")} == {
        *(f"diagnostic.gradient.{term}" for term in ("focal:teacher", "focal:student", "class_kl", "feature_kl")),
        "diagnostic.cosine",
        "diagnostic.agreement",
        *(f"diagnostic.cka.{tap}" for tap in ("hbp", "pre", "hbp.map", "pre.map", "fused")),
    }
    assert all(row[f"diagnostic.gradient.{term}"] > 0 for term in ("focal:teacher", "focal:student"))
    assert -1 <= row["diagnostic.cosine"] <= 1
    assert 0 <= row["diagnostic.agreement"] <= 1
    assert "Diagnostics" in render_report(run)
    assert "Diagnostics" not in render_report(tiny_run)


def test_a_teacher_alone_has_gradients_and_nothing_to_be_like(tmp_path, shared_cache):
    stages = [
        {"name": "teacher", "train": ["teacher"], "epochs": 1, "objective": [{"use": "focal", "on": "teacher"}]},
        {"name": "student", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}, {"use": "class_kl"}]},
    ]
    run = trained(tiny(diagnostics=True, stages=stages), runs=tmp_path, cache=shared_cache)
    first, second = (row.values for row in run.history[:2])
    assert {name for name in first if name.startswith("diagnostic.")} == {"diagnostic.gradient.focal:teacher"}
    assert {"diagnostic.cosine", "diagnostic.agreement", "diagnostic.gradient.class_kl"} <= set(second)
