"""What can be wrong with a search beyond its fields: told before anything is trained."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace

import pytest

from tiny import tiny
from tune import searches
from xdistill.errors import PluginError, RecipeError, UserError
from xdistill.experiment.assemble import assemble
from xdistill.recipe.load import load_recipe
from xdistill.recipe.schema.tuning import Tune
from xdistill.recipe.yaml.writer import write_yaml
from xdistill.tasks import Ordinal, Regression
from xdistill.tuning.check import check_search
from xdistill.tuning.metrics import for_task
from xdistill.tuning.run import tune
from xdistill.tuning.search.sampling import quiet
from xdistill.tuning.search.variants import without_search
from xdistill.tuning.search.worker import run_trials
from xdistill.tuning.storage.open import open_storage, open_study, shown_url, storage_url
from xdistill.tuning.study import Options


def faults(tmp_path, catalog, text, base=None):
    (tmp_path / "base.yaml").write_text(write_yaml((base or searches.recipe()) | {"tune": None}), encoding="utf-8")
    path = tmp_path / "search.yaml"
    path.write_text("extends: base.yaml\n" + text, encoding="utf-8")
    loaded = load_recipe(path)
    experiment = assemble(without_search(loaded), catalog)
    with pytest.raises(RecipeError) as caught, quiet():
        check_search(loaded, experiment, catalog)
    return [(problem.line, problem.path, problem.message) for problem in caught.value.problems]


def test_fields_and_choices_that_make_no_recipe_are_all_told_with_their_place(tmp_path, catalog):
    text = (
        "tune:\n"
        "  metric: auc_ovr\n"
        "  space:\n"
        "    optimizer.lrr: {low: 0.1, high: 1}\n"
        "    student.hiden: {choices: [[8]]}\n"
        "    stages.joint.objective.generalized.imitation: {low: 0, high: 1.5}\n"
        "    stages.joint.epochs: {low: 1, high: 4}\n"
        "    stages.second.epochs: {low: 1, high: 4, int: true}\n"
        "    teacher: {choices: [null, {use: mlp, inputs: [nothing]}]}\n"
    )
    found = faults(tmp_path, catalog, text)
    told = {(line, message.partition(";")[2].strip() or message) for line, _, message in found}
    assert any(line == 3 and "did you mean `auc_ovo`?" in message for line, message in told)
    assert any(line == 5 and "did you mean `lr`?" in message for line, message in told)
    assert any(line == 6 and "did you mean `hidden`?" in message for line, message in told)
    assert any(line == 7 and "less than or equal to 1" in message for line, message in told)
    assert any(line == 8 and "should be a valid integer" in message for line, message in told)
    assert any(line == 9 and "has no item `second`" in message for line, _, message in found)
    assert any(line == 10 and "nothing" in message for line, _, message in found)


def test_a_metric_of_two_classes_needs_two(tmp_path, catalog):
    text = "tune:\n  metric: sensitivity\n  space: {optimizer.lr: {low: 0.1, high: 1}}\n"
    ((line, path, message),) = faults(tmp_path, catalog, text, tiny())
    assert (line, path) == (3, "tune.metric")
    assert message.startswith("'sensitivity' is a metric of two classes, and the cohort has 3; choose one of auc_ovo, ")
    of_two = searches.loaded({"metric": "sensitivity"})
    assert check_search(of_two, assemble(without_search(of_two), catalog), catalog) is not None


@pytest.mark.parametrize(
    ("task", "given", "expected"),
    [
        (Regression(("hba",)), {}, "mae"),
        (Regression(("hba",)), {"metric": "auc_ovo"}, "auc_ovo"),  # said by the recipe, and refused
        (Ordinal(("a", "b")), {}, "auc_ovo"),
    ],
)
def test_a_search_without_a_metric_takes_the_first_of_the_task(task, given, expected):
    data = SimpleNamespace(build=lambda: SimpleNamespace(schema=lambda: SimpleNamespace(task=task)))
    search = Tune.model_validate({"space": {"optimizer.lr": {"low": 0.1, "high": 1}}, **given})
    assert for_task(search, SimpleNamespace(data=data)).metric == expected


def test_a_conditional_field_is_checked_under_its_condition(tmp_path, catalog):
    text = (
        "tune:\n"
        "  space:\n"
        "    stages.joint.objective.2: {choices: [{use: generalized, imitation: 0.5}, {use: kd}]}\n"
        "    stages.joint.objective.2.imitation: {low: 0, high: 1, when: {stages.joint.objective.2: generalized}}\n"
        "    stages.joint.objective.2.temperature: {low: 1, high: 4, when: {stages.joint.objective.2: kd}}\n"
        "    stages.joint.objective.2.weight: {choices: [1.0, 2.0]}\n"
        "    loader.batch_size: {choices: [8, 16], when: {stages.joint.objective.2: kd}}\n"
        "    student.inputs: {choices: [[regular], [regular, privileged]]}\n"
    )
    told = [message for *_, message in faults(tmp_path, catalog, text)]
    assert all(message.startswith('with student.inputs = ["regular", "privileged"]: ') for message in told)
    assert any("the student reads `privileged`" in message for message in told)
    text = text.replace("when: {stages.joint.objective.2: generalized}", "when: {stages.joint.objective.2: kd}")
    found = faults(tmp_path, catalog, text)
    assert any(line == 5 and "unknown field `imitation`" in message for line, _, message in found)


def test_a_fault_elsewhere_says_which_choice_makes_it(tmp_path, catalog):
    text = "tune:\n  space:\n    teacher: {choices: [{use: mlp, inputs: [privileged]}, null]}\n"
    found = faults(tmp_path, catalog, text)
    assert found
    assert all(message.startswith("with teacher = null: ") for *_, message in found)


def test_settings_of_sampler_and_pruner_are_optunas(tmp_path, catalog):
    space = "  space: {optimizer.lr: {low: 0.1, high: 1}}\n"
    text = "tune:\n  sampler: {use: tpe, multivariat: true}\n  pruner: {use: median, seed: 3, n_startup_trials: -1}\n"
    assert [(line, path) for line, path, _ in faults(tmp_path, catalog, text + space)] == [
        (3, "tune.sampler.multivariat"),
        (4, "tune.pruner.seed"),
    ]
    text = "tune:\n  pruner: {use: median, n_startup_trials: -1}\n"
    ((line, _, message),) = faults(tmp_path, catalog, text + space)
    assert line == 3
    assert message.startswith("Optuna rejects these settings")


def test_a_grid_may_not_be_endless(tmp_path, catalog):
    space = "    optimizer.lr: {low: 0.1, high: 1, step: 1.0e-3}\n    seed: {low: 0, high: 1000, int: true}\n"
    text = "tune:\n  sampler: grid\n  space:\n" + space
    ((_, _, message),) = faults(tmp_path, catalog, text)
    assert "more than 100,000 points" in message


def test_a_recipe_without_a_search_is_told_what_to_add(catalog, tmp_path):
    loaded = load_recipe("digits_half")
    with pytest.raises(RecipeError, match="the recipe has no search space; add `tune:"):
        next(tune(loaded, catalog, runs=tmp_path))


@pytest.mark.parametrize(
    ("storage", "told"),
    [
        ("sqlit", "did you mean `sqlite`"),
        ("nowhere", "write journal, sqlite, a file such as"),
        ("sqlite:////no/such/folder/study.db", "there is no folder /no/such/folder"),
        (
            "/proc/nowhere/study.journal",
            "No such file or directory; resolve this, or choose another storage with --storage",
        ),
        ("sqlite:////dev/zero", "this is a device; name a file"),
        ("sqlite:///:memory:", "a database in memory is not shared with the workers; name a file"),
        ("postgresql://me:secret@localhost:1/studies", "run `pip install 'psycopg"),
        ("postgresql://me:secret@localhost:port/studies", "this is not a URL that Optuna understands"),
        ("redis://me:secret@localhost:1", "run `pip install 'redis'`, or choose another storage with --storage"),
        ("oracle://me@localhost/x", "run `pip install"),
        ("strange://x", "Optuna does not support the database 'strange'; use sqlite, mysql, postgresql or redis"),
    ],
)
def test_a_storage_that_cannot_be_reached_is_one_message(storage, told, tmp_path):
    with pytest.raises(UserError) as caught, quiet():
        open_storage(storage_url(storage, tmp_path))
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("notes.log", "Monday: nothing\nTuesday: half a li", "is not an Optuna journal, and was not changed"),
        ("list.journal", "[1]\n", "is not an Optuna journal"),
        ("half.log", "no line at all", "is not an Optuna journal"),
        ("text.db", "no database, though it is called one", "file is not a database"),
    ],
)
def test_a_file_of_somebody_elses_is_refused_and_stays_as_it_is(name, content, told, tmp_path):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        open_storage(storage_url(str(path), tmp_path))
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
    assert path.read_text(encoding="utf-8") == content


def test_a_database_that_is_a_folder_or_cannot_be_written_is_one_message(tmp_path, monkeypatch):
    url = storage_url(f"{tmp_path}/here.db", tmp_path)
    (tmp_path / "here.db").mkdir()
    with pytest.raises(UserError, match=r"this is a folder; name a file in it, or choose another storage"):
        open_storage(url)
    (tmp_path / "here.db").rmdir()
    monkeypatch.setattr(os, "access", lambda path, _mode: path != tmp_path)  # root may write everywhere
    with pytest.raises(UserError, match=r"cannot be written; check its permissions"):
        open_storage(url)


def test_a_database_is_found_from_wherever_a_worker_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert storage_url("sqlite:///studies.db", tmp_path) == f"sqlite:///{tmp_path}/studies.db"
    assert storage_url("studies.db", tmp_path) == f"sqlite:///{tmp_path}/studies.db"


def test_a_new_database_that_several_open_at_once(tmp_path):
    """Each finds no tables and makes them."""
    url = storage_url(str(tmp_path / "new.db"), tmp_path)
    together = Barrier(4)

    def opened(_):
        together.wait()
        return open_storage(url)

    with ThreadPoolExecutor(4) as threads:
        storages = list(threads.map(opened, range(4)))
    assert [storage.get_all_studies() for storage in storages] == [[]] * 4


def test_a_redis_that_does_not_answer_is_one_message():
    pytest.importorskip("redis")
    with pytest.raises(UserError, match="Connection refused; resolve this") as caught, quiet():
        open_storage("redis://me:secret@127.0.0.1:1")
    assert "secret" not in str(caught.value)


def test_a_password_is_never_shown():
    assert shown_url("mysql://me:pass:word@host/db") == "mysql://me:***@host/db"
    assert shown_url("sqlite:///a.db") == "sqlite:///a.db"


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_a_study_of_another_recipe_is_refused(storage, tmp_path):
    opened = open_storage(storage_url(storage, tmp_path))
    ours = {"identity": "0a1b", "recipe": "mine"}
    with quiet():
        open_study(opened, "s", ours, maximise=True).ask()
        assert len(open_study(opened, "s", ours, maximise=True).get_trials()) == 1
        with pytest.raises(UserError, match=r"was made by mine \(0a1b\), and this is theirs \(ffff\)"):
            open_study(opened, "s", {"identity": "ffff", "recipe": "theirs"}, maximise=True)


def test_too_few_subjects_for_the_inner_folds_are_told_of(catalog, tmp_path, shared_cache):
    given = searches.loaded({"folds": 30})
    with pytest.raises(UserError, match=r"the inner folds of r0-f0: .*tune\.folds"):
        searches.study(given, catalog, shared_cache, tmp_path)


def test_a_worker_without_a_plugin_that_only_a_choice_uses_is_told_of(catalog, tmp_path, shared_cache):
    given = searches.loaded(
        {"space": {"callbacks": {"choices": [[], [{"use": "gradient_norm"}]]}}},
        teacher={"use": "mlp", "inputs": ["privileged"], "hidden": [4]},
        student={"use": "mlp", "inputs": ["regular"], "hidden": [4]},
    )
    experiment = assemble(without_search(given), catalog)
    plugins = {entry.component: entry.plugin for entry in catalog}
    choices = check_search(given, experiment, catalog)
    added = {plugins[component] for component in choices} - {plugins[one] for one in experiment.components}
    assert added, "a choice comes from a plugin that the recipe itself does not use"
    made = searches.study(given, catalog, shared_cache, tmp_path, also=choices)
    payload = {**made.jobs()[0].payload}
    assert added <= payload["driver"]["plugins"].keys()
    payload["driver"] = {**payload["driver"], "plugins": {"elsewhere": ["xdistill-elsewhere", "1.2"]}}
    with pytest.raises(
        PluginError, match=r"lacks the plugin 'elsewhere', which .* from xdistill-elsewhere 1\.2; install"
    ):
        list(run_trials(payload))


def test_no_workers_are_refused(catalog, tmp_path):
    with pytest.raises(UserError, match="--workers must be at least 1"):
        next(tune(searches.loaded(), catalog, runs=tmp_path, options=Options(workers=0)))
