"""Benchmark files: what they may hold, and what is said of those that hold something else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.tiny_benchmark import benchmark, write_benchmark
from xdistill.bench.load import load_benchmark
from xdistill.bench.recipes import departure, entry_recipe
from xdistill.errors import RecipeError
from xdistill.interfaces import Dataset
from xdistill.interfaces.component import choose
from xdistill.recipe.yaml.writer import write_yaml

FOLDER = Path(__file__).parents[2] / "benchmarks"
SHIPPED = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def refused(folder, **changes):
    """What is said of the small benchmark with some of its fields replaced."""
    path = write_benchmark(folder, **changes)
    with pytest.raises(RecipeError) as caught:
        load_benchmark(path)
    return str(caught.value)


def with_entry(**entry):
    return [*benchmark()["entries"], entry]


def test_a_good_file(small):
    assert list(small.entries) == ["alone", "kd", "teacher"]
    assert set(small.recipes) == {"alone", "kd"}
    assert small.entry("teacher").source == "kd"
    assert small.file.shown_metrics == ("auc_ovo", "f1_macro", "accuracy")
    assert small.records == small.path.parent / "records" / "small"


def test_a_recipe_is_read_once_for_all_seeds_and_cannot_be_spoilt(small):
    first = small.chain("alone")
    small.recipes["alone"].unlink()  # whoever reads it again would miss it
    first.layers.clear()
    assert [layer.file.name for layer in small.chain("alone").layers] == ["alone.yaml"]


def test_what_several_recipes_extend_is_read_once():
    shipped = load_benchmark(FOLDER / "mvi_hcc.yaml")
    one, other = (shipped.chain(name).layers[0] for name in ("cmdnet", "kd"))
    assert one.file == other.file
    assert one.tree.entries["student"] is other.tree.entries["student"]


def test_other_splits_for_a_try(small):
    crossval = small.with_splits(repeats=4).file.crossval
    assert (crossval.folds, crossval.repeats) == (3, 4)
    assert small.file.crossval.repeats == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reference": "alne"}, r"small.yaml:\d+:\d+: reference: there is no entry 'alne'; did you mean `alone`\?"),
        ({"reference": "teacher"}, "reference: the reference must be in the track `student`"),
        ({"student_alone": "nobody"}, "student_alone: there is no entry 'nobody'"),
        ({"teacher": None}, "name both or neither"),
        ({"entries": with_entry(name="KD", recipe="kd.yaml")}, r"entries.3.name: two entries are named 'KD'"),
        (
            {"entries": with_entry(name="more", recipe="kdd.yaml")},
            "no recipe file 'kdd.yaml' .* did you mean `kd.yaml`",
        ),
        ({"entries": with_entry(name="more", recipe="mvi_hc")}, "no bundled recipe 'mvi_hc'; did you mean `mvi_hcc`"),
        ({"entries": with_entry(name="more")}, "either `recipe` or `of`"),
        ({"entries": with_entry(name="more", of="kd", recipe="kd.yaml")}, "either `recipe` or `of`"),
        ({"entries": with_entry(name="more", of="kdd")}, "entries.3.of: there is no entry 'kdd'; did you mean `kd`"),
        ({"entries": with_entry(name="more", of="teacher")}, "'teacher' has no recipe of its own"),
        ({"entries": with_entry(name="more", of="kd", set={"seed": 1})}, "neither `profile` nor `set`"),
        (
            {"entries": with_entry(name="more", of="kd", track="studnt")},
            "should be 'student', .*, got 'studnt'",
        ),
        ({"entries": with_entry(name="../../x", recipe="kd.yaml")}, "'../../x' is not allowed"),
        ({"set": {"data.seed": 1}}, "set.data.seed: 'data' is the same for all entries"),
        ({"set": {"seed": 1}}, "the benchmark's `seeds` sets it"),
        ({"seeds": [1, 1]}, "the seed 1 occurs twice"),
        ({"seeds": []}, "seeds: should have at least 1 item, not 0"),
        ({"primary": "auc"}, "primary: .*should be 'auc_ovo'"),
        ({"refrence": "kd"}, "unknown field `refrence`; did you mean `reference`"),
        ({"version": 2}, "version: should be 1, got 2"),
        ({"format": "recipe"}, "format: should be 'xdistill-benchmark'"),
        ({"crossval": {"folds": "3"}}, "crossval.folds: should be a valid integer"),
        ({"crossval": {"official": True}}, "a comparison needs at least two splits"),
        ({"expect": [{"entry": "kdd", "against": "alone", "outcome": "better"}]}, "there is no entry 'kdd'"),
        ({"expect": [{"entry": "teacher", "against": "alone", "outcome": "better"}]}, "not in the track `student`"),
        ({"expect": [{"entry": "alone", "against": "alone", "outcome": "better"}]}, "compared with itself"),
        ({"expect": [{"against": "alone", "outcome": "better"}]}, "either `entry` or `any_of`"),
        ({"reported": {"source": "x", "rows": {"kdd": {}}}}, "reported.rows.kdd: there is no entry 'kdd'"),
        (
            {"reported": {"source": "x", "rows": {"kd": {"auc_ovo": {"mean": 710}}}}},
            "than or equal to 100, got 710",
        ),
    ],
)
def test_faults(tmp_path, changes, message):
    assert re.search(message, refused(tmp_path, **changes))


def test_all_faults_at_once_from_top_to_bottom(tmp_path):
    told = refused(tmp_path, reference="no_one", teacher="nobody", entries=with_entry(name="kd", recipe="lost.yaml"))
    lines = told.splitlines()
    assert len(lines) == 4
    numbers = [int(re.search(r"small\.yaml:(\d+):", line)[1]) for line in lines]
    assert numbers == sorted(numbers)


def test_files_that_are_none(tmp_path):
    write_benchmark(tmp_path)
    for name, text, message in (
        ("smal.yaml", None, "there is no such file; did you mean `small.yaml`?"),
        ("", None, "this is a folder"),
        ("/dev/zero", None, "this is a device; name a benchmark file"),
        ("list.yaml", "[1, 2]", "a benchmark is a mapping of fields"),
        ("bad.yaml", "name: [", "bad.yaml:1:"),
        ("tag.yaml", "name: !!python/object:os.system x", "the tag `!!python/object:os.system`"),
    ):
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(RecipeError) as caught:
            load_benchmark(tmp_path / name)
        assert message in str(caught.value)


def test_faults_of_an_entrys_recipe_lead_to_the_entry(tmp_path):
    entries = benchmark()["entries"]
    entries[0]["set"] = {"stages.joint.epochs": 1}
    loaded = load_benchmark(write_benchmark(tmp_path, entries=entries))
    with pytest.raises(RecipeError, match=r"small.yaml:\d+:\d+: entries.0: the recipe of 'alone': .*no item `joint`"):
        entry_recipe(loaded, "alone", 0)


def test_the_benchmark_says_what_cohort_splits_and_seed_are(tmp_path):
    kd = (tmp_path / "kd.yaml", "profiles: {wide: {data: {subjects: 99}, optimizer: {lr: 0.5}}}\n")
    path = write_benchmark(
        tmp_path,
        profile="wide",
        seeds=[7],
        entries=[{"name": "alone", "recipe": "kd.yaml"}],
        student_alone=None,
        teacher=None,
        reported=None,
    )
    kd[0].write_text(kd[0].read_text() + kd[1])
    recipe = entry_recipe(load_benchmark(path), "alone", 7, flags={"executor.jobs": 3}).recipe
    assert recipe.data.settings() == {"subjects": 30, "shape": [8, 16, 16]}, "the profile's cohort does not count"
    assert recipe.optimizer.lr == 0.5
    assert (recipe.seed, recipe.crossval.folds) == (7, 3)
    assert recipe.executor.settings() == {"jobs": 3}


def test_paths_of_the_cohort_lie_beside_the_benchmark(tmp_path):
    (tmp_path / "cohort.csv").write_text("x")
    loaded = load_benchmark(write_benchmark(tmp_path, data={"use": "manifest", "path": "cohort.csv"}))
    assert entry_recipe(loaded, "kd", 0).recipe.data.settings()["path"] == str(tmp_path / "cohort.csv")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, ""),
        ({"description": "other", "executor": {"use": "elsewhere"}, "compute": {"threads": 9}}, ""),
        ({"unknown_to_this_version": 1}, ""),
        ({"name": "tests/alone"}, "name"),
        ({"seed": 3}, "seed"),
        ({"crossval": {"folds": 5}}, "crossval"),
        ({"loader": {"batch_size": 9}}, "loader.batch_size"),
        ({"augment": []}, "augment"),
        ({"data": {"use": "hcc_phantom", "subjects": 31, "shape": [8, 16, 16]}}, "data.subjects"),
        ({"data": {"use": "hcc_phantom", "subjects": 30, "shape": [8, 16, 16], "effect": "strong"}}, "data.effect"),
    ],
)
def test_runs_of_something_else_are_told_by_the_first_field_that_differs(small, catalog, change, field):
    from xdistill.experiment.assemble import assemble

    resolved = assemble(entry_recipe(small, "kd", 0), catalog).resolved()
    assert departure(small, "kd", {**resolved, **change}, catalog) == field


@pytest.mark.parametrize("name", SHIPPED)
def test_benchmarks_that_ship(name, monkeypatch):
    monkeypatch.setenv("XDISTILL_DATA", "/nowhere")
    shipped = load_benchmark(FOLDER / f"{name}.yaml")
    assert shipped.name == name
    for entry in shipped.recipes:
        recipe = entry_recipe(shipped, entry, 0).recipe
        assert recipe.crossval == shipped.file.crossval or shipped.file.fresh_test is not None
        assert recipe.data == shipped.file.data or name == "acdc"


def test_what_the_paper_reports():
    shipped = load_benchmark(FOLDER / "mvi_hcc.yaml")
    rows = shipped.file.reported.rows
    assert len(rows) == 14
    assert rows["cmdnet"]["auc_ovo"].mean == 71.46
    assert rows["wo_ca"]["auc_ovo"].sd is None
    assert [entry.name for entry in shipped.file.entries if entry.track != "student"] == [
        "teacher",
        "clinical_lr",
        "majority",
    ]


def test_the_acdc_benchmark_has_the_cohort_of_its_recipe(monkeypatch):
    from xdistill.recipe.load import load_recipe

    monkeypatch.setenv("XDISTILL_DATA", "/nowhere")
    of_benchmark = entry_recipe(load_benchmark(FOLDER / "acdc.yaml"), "cmdnet", 0).recipe.data
    assert of_benchmark == load_recipe("acdc").recipe.data


def test_a_written_benchmark_reads_back(tmp_path):
    (tmp_path / "again").mkdir()
    path = write_benchmark(tmp_path / "again")
    assert path.read_text() == write_yaml(benchmark())


def test_a_short_form_of_the_cohort_is_what_it_stands_for(tmp_path, catalog):
    short = {"use": "manifest", "path": "c.csv", "tables": {"lab": ["crp", "afp"]}}
    benchmark = load_benchmark(write_benchmark(tmp_path, data=short))
    full = choose(Dataset, short, catalog).dump()
    assert isinstance(full["tables"]["lab"], dict)
    resolved = {**entry_recipe(benchmark, "kd", 0).tree(), "data": full}
    assert not departure(benchmark, "kd", resolved).startswith("data")
    full["tables"]["lab"]["columns"] = ["crp"]
    assert departure(benchmark, "kd", resolved).startswith("data.tables.lab")
