"""A whole nested search and a flat one: the run, its record, the tuned recipe, the page; and the same command again."""

import json
import statistics
from contextlib import ExitStack

import pytest

from tune import searches
from xdistill import api
from xdistill.cli.options import say_if_edited
from xdistill.cli.tune.progress import TuneLines
from xdistill.crossval.events import FoldStarted, RunAwaited, RunStarted
from xdistill.data import Splits
from xdistill.recipe.load import load_recipe
from xdistill.recipe.yaml.writer import write_yaml
from xdistill.runs.files import read_json
from xdistill.tuning.events import SearchStarted, TrialStarted
from xdistill.tuning.report.figures import _last


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searches")
    (folder / "search.yaml").write_text(write_yaml(searches.recipe({"trials": 5})), encoding="utf-8")
    return folder


def tune(folder, cache, **options):
    events = []
    where = {"runs": folder / "runs", "cache": cache, "studies": str(folder / "tune")}
    result = api.tune(folder / "search.yaml", **where, on_event=events.append, **options)
    return result, events


@pytest.fixture(scope="module")
def nested(folder, shared_cache):
    return tune(folder, shared_cache)


@pytest.fixture(scope="module")
def flat(folder, shared_cache):
    return tune(folder, shared_cache, flat=True)


def test_the_result_is_a_run_whose_record_says_that_it_is_tuned(nested):
    result, events = nested
    run = result.run
    assert run.name == "tests/search-tuned"
    assert run.path.parent.name == "search-tuned"
    tuned = run.record["tuned"]
    assert tuned["folds"].keys() == {"r0-f0", "r0-f1"}
    assert run.record["recipe"]["tune"]["trials"] == 5
    outer = run.metrics["student"]["auc_ovo"]
    assert [fold["outer"] for fold in tuned["folds"].values()] == list(outer.folds)
    inner = [fold["inner"] for fold in tuned["folds"].values()]
    assert tuned["optimism"] == pytest.approx(statistics.fmean(inner) - outer.mean)
    assert sum(isinstance(event, TrialStarted) for event in events) == 10


def test_each_fold_is_trained_with_what_its_search_chose(nested):
    result, _ = nested
    for name, fold in result.run.record["tuned"]["folds"].items():
        history = (result.run.folder.fold(name) / "history.csv").read_text(encoding="utf-8").splitlines()
        first = dict(zip(history[0].split(","), history[1].split(","), strict=True))
        assert float(first["lr"]) < fold["settings"]["optimizer.lr"]
        assert float(first["lr"]) > 0.7 * fold["settings"]["optimizer.lr"], "the first of three cosine epochs"


def test_who_waits_for_the_refit_of_another_says_so_once(nested, folder, shared_cache, capfd):
    run = nested[0].run.folder
    with ExitStack() as other:
        other.enter_context(run.locked())
        other.enter_context(run.locked("r0-f1"))
        seen, lines = [], TuneLines()

        def listen(event):
            seen.append(event)
            lines.listen(event)
            if isinstance(event, RunAwaited):
                other.close()  # it ends

        api.tune(
            folder / "search.yaml", runs=folder / "runs", cache=shared_cache, studies=folder / "tune", on_event=listen
        )
    assert [event for event in seen if isinstance(event, RunAwaited)] == [RunAwaited(str(run.path), ("r0-f1",))]
    assert capfd.readouterr().err.splitlines()[-1] == "waiting for another process, which refits r0-f1"
    assert not any(isinstance(event, RunAwaited) for event in nested[1])


def test_no_search_saw_a_test_subject_of_its_split(nested):
    result, _ = nested
    splits = Splits.from_json(read_json(result.run.folder.splits))
    assert [split.name for split in splits] == ["r0-f0", "r0-f1"]
    assert not set(splits.fold(0, 0).test) & set(splits.fold(0, 1).test)


def test_the_same_command_again_finds_everything_done(nested, folder, shared_cache):
    before, _ = nested
    again, events = tune(folder, shared_cache)
    assert again.run.path == before.run.path
    assert not [event for event in events if isinstance(event, (TrialStarted, RunStarted, FoldStarted))]
    (started,) = [event for event in events if isinstance(event, SearchStarted)]
    assert started.searches == {"r0-f0": 5, "r0-f1": 5}


@pytest.mark.parametrize("kind", ["nested", "flat"])
def test_the_tuned_recipe_is_one_that_run_takes(kind, nested, flat, folder):
    result, _ = {"nested": nested, "flat": flat}[kind]
    text = result.recipe.read_text(encoding="utf-8")
    assert "extends: ../../../../search.yaml" in text
    read = load_recipe(result.recipe)
    assert read.recipe.name == {"nested": "tests/search-tuned-agreed", "flat": "tests/search-tuned-flat"}[kind]
    assert read.recipe.tune is None
    settings = result.record["settings"]
    assert read.recipe.optimizer.lr == settings["optimizer.lr"]
    assert read.tree()["student"]["hidden"] == settings["student.hidden"]
    original = load_recipe(folder / "search.yaml").tree()
    assert read.tree()["stages"] == original["stages"]


def test_a_tuned_recipe_that_was_edited_is_said_to_be(flat, tmp_path, capsys):
    for name in ("study.json", "tuned.yaml", "checksums.json"):
        (tmp_path / name).write_bytes((flat[0].path / name).read_bytes())
    tuned = tmp_path / "tuned.yaml"
    say_if_edited(str(tuned))
    assert capsys.readouterr().err == ""
    tuned.write_text(tuned.read_text() + "\n# tried by hand\n")
    say_if_edited(str(tuned))
    assert "was edited or damaged since the search wrote it" in " ".join(capsys.readouterr().err.split())


def test_an_agreed_setting_is_one_that_some_search_chose(nested):
    result, _ = nested
    chosen = [search["settings"]["optimizer.lr"] for search in result.record["searches"].values()]
    assert result.record["settings"]["optimizer.lr"] == min(chosen), "the lower median of two"


def test_a_flat_search_says_everywhere_that_it_is_optimistic(flat):
    result, _ = flat
    assert result.run is None
    assert result.record["kind"] == "flat"
    assert result.record["optimistic"] is True
    assert "Optimistic: one flat search on all subjects" in result.recipe.read_text(encoding="utf-8").replace(
        "\n# ", " "
    )
    assert "Optimistic: one flat search" in (result.path / "report.html").read_text(encoding="utf-8")


def test_the_pages_are_self_contained_and_name_no_subject(nested, flat):
    result, _ = nested
    subjects = {subject for fold in result.run.predictions.folds for subject in fold.subjects}
    for page in (result.path / "report.html", flat[0].path / "report.html", result.run.folder.report):
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert not [subject for subject in subjects if f">{subject}<" in text]
    text = (result.path / "report.html").read_text(encoding="utf-8")
    assert text.count("<svg") == 3, "history, importances, parallel coordinates"
    outer = result.record["outer"]
    assert f"{outer['low']:.4f} to {outer['high']:.4f}" in text
    assert outer["low"] < outer["mean"] < outer["high"]


def test_charts_are_scrolled_rather_than_shrunk_and_items_of_lists_say_of_which(flat):
    result, _ = flat
    text = (result.path / "report.html").read_text(encoding="utf-8")
    assert text.count('class="scroll" tabindex="0" role="region" aria-label="Figure: ') >= 2
    assert ".scroll > svg.chart { min-width:" in text
    assert [_last(name) for name in ("seed", "optimizer.lr", "stages.joint.objective.2")] == [
        "seed",
        "lr",
        "objective.2",
    ]


def test_the_runs_page_says_that_it_is_tuned(nested):
    result, _ = nested
    text = result.run.folder.report.read_text(encoding="utf-8")
    assert "xdistill tune recipe.yaml" in text
    assert "optimism" in text
    assert f"{result.record['inner']:.4f}" in text


def test_another_choice_of_the_searches_trains_the_folds_anew(nested, folder, shared_cache):
    result, _ = nested
    record = read_json(result.run.folder.record)
    record["tuned"]["folds"]["r0-f0"]["settings"]["optimizer.lr"] = 0.5
    result.run.folder.record.write_text(json.dumps(record), encoding="utf-8")
    again, events = tune(folder, shared_cache)
    assert {event.fold for event in events if isinstance(event, FoldStarted)} == {"r0-f0", "r0-f1"}
    assert again.run.metrics == result.run.metrics
    assert again.run.record["tuned"] == result.run.record["tuned"]
