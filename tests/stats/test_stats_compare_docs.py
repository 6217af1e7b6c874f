"""The example of docs/statistics.md compares two runs."""

import json

import numpy as np
import pytest

from docs.pages import blocks
from stats.compare_toys import CLASSES, cohort, predictions, splits
from xdistill.data import Split, Splits
from xdistill.stats import write_predictions


@pytest.fixture
def runs(tmp_path):
    """Two finished runs on the same splits: what their folders hold as far as a comparison looks at it."""
    targets = cohort()
    table = splits(targets)
    manifest = Splits(
        tuple(
            Split(repeat, fold, tuple(sorted(set(targets) - set(tested))), (), tested)
            for (repeat, fold), tested in table.items()
        ),
        "cohort-a",
    )
    for name, quality in (("s_pre_hbp", 0.5), ("cmdnet", 3.0)):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        record = {
            "format": "xdistill-run",
            "format_version": 1,
            "status": "finished",
            "recipe": {"name": name},
            "cohort": {"fingerprint": "cohort-a", "classes": list(CLASSES)},
            "split_hash": manifest.hash,
        }
        (folder / "record.json").write_text(json.dumps(record))
        (folder / "splits.json").write_text(json.dumps(manifest.to_json()))
        write_predictions(folder / "predictions.csv", predictions(targets, table, quality, 0))
    return tmp_path


def test_the_example_runs(runs, monkeypatch, capsys):
    monkeypatch.chdir(runs)
    names = {}
    for block in blocks("python", "docs/statistics.md"):
        exec(compile(block.text, block.page, "exec"), names)  # noqa: S102 - the page's own example
    printed = capsys.readouterr().out
    assert "\ncmdnet: +0." in printed
    assert "bold" in printed
    row = names["rows"]["auc_ovo"][1]
    assert np.isfinite([row.against.difference.low, row.against.difference.high]).all()
    assert row.against.test.degrees == 5
