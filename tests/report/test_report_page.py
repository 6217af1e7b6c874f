import json
import re

import pytest

from report.page_parts import PageParts
from report.toy_cohort import make_cohort
from report.toy_run import OFFLINE, make_run
from xdistill.errors import RunError
from xdistill.recipe.load import as_loaded
from xdistill.report import render_report, write_report
from xdistill.report.details import duration
from xdistill.report.page import listed
from xdistill.report.scores import columns, score_rows
from xdistill.runs import load_run

HOSTILE = ("<script>alert(1)</script>", "a\"b'&amp;c", "{{ 7 * 7 }}$x$")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("cache"), subjects=90, absent=tuple(range(0, 90, 3)))


@pytest.fixture(scope="module")
def run(tmp_path_factory, cohort):
    return make_run(tmp_path_factory.mktemp("run"), subjects=90, fingerprint=cohort.fingerprint)


@pytest.fixture(scope="module")
def html(run, cohort):
    return render_report(run, cohort=cohort)


@pytest.fixture(scope="module")
def page(html):
    return PageParts(html)


def test_headline_and_table(run, page):
    words = page.words
    assert words.startswith("toy/cmdnet – xdistill toy/cmdnet Synthetic cohort")  # noqa: RUF001 - the title's dash
    assert words.index("% 95 % interval") < words.index("Joint training"), "the score is before the description"
    assert "Synthetic cohort: no patient is real" in words
    assert "Student, macro one-versus-one AUC" in words
    assert "The student sees hbp and pre alone; its teacher also sees clinical. Mean ± standard deviation" in words
    assert "Below a score is its 95 % interval" in words
    for row in score_rows(run):
        assert row.label in words
        for column in columns(run.task):
            assert row.cell(column) in words
            assert row.interval(column) in words
    assert "The student never saw clinical" in words


def test_every_section_is_there_and_can_be_reached(page):
    wanted = {"results", "roc", "confusion", "reliability", "learning", "subjects", "recipe", "again"}
    sections = {section["id"] for section in page.all("section")}
    assert sections == wanted
    assert {link["href"] for link in page.all("a")} == {f"#{name}" for name in wanted}


def test_charts_speak(page):
    labels = [chart["aria-label"] for chart in page.all("svg")]
    assert len(labels) == 1 + 3 + 1 + 1 + 5  # folds, pairs, confusion, reliability, loss terms
    assert all(label and label.endswith(".") for label in labels)
    assert any(label.startswith("Confusion matrix of the student. true MVI 0: ") for label in labels)
    assert all(image["alt"] for image in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table")) == 3
    assert len(page.all("h1")) == 1


def test_ids_are_unique(page):
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_nothing_is_loaded_and_nothing_runs(html, page):
    assert "http:" not in html
    assert "https:" not in html
    assert not page.all("script")
    assert not page.all("link")
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert not re.search(r"url\((?!#)|@import", html)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_slices_show_right_and_wrong_and_name_nobody(run, cohort, html, page):
    assert "✓ right" in page.text
    assert "✗ wrong" in page.text
    assert "missing" in page.text  # a subject without a second phase
    assert not any(subject in html for subject in cohort.subjects)
    named = render_report(run, cohort=cohort, show_subjects=True)
    assert sum(subject in named for subject in cohort.subjects) == 6


def test_recipe_can_be_run_again(run, page):
    start = page.text.index("data:\n")
    text = page.text[start : page.text.index("description: Joint training of teacher and student")]
    assert "  shape: [12, 24, 24]\n" in text
    assert "xdistill run recipe.yaml" in page.words
    assert run.record["split_hash"] in page.text
    assert "312,455 parameters" in page.text
    assert "48.3 s" in page.text


def test_everything_is_escaped(tmp_path):
    prefix = "<img src=x onerror=alert(1)>"
    bad = "<script>alert(1)</script>"
    cohort = make_cohort(tmp_path / "cache", classes=HOSTILE, subjects=30, prefix=prefix)
    run = make_run(
        tmp_path / "run",
        classes=HOSTILE,
        subjects=30,
        fingerprint=cohort.fingerprint,
        prefix=prefix,
        name=bad,
        description=bad,
        stages=(("joint", ("</svg>" + bad, "class_kl"), 3),),
    )
    path = run.folder.record
    text = path.read_text().replace('"pre"', json.dumps(f"image {bad}")).replace('"clinical"', json.dumps(bad))
    record = json.loads(text)
    record["cohort"] |= {"title": bad, "source": bad, "synthetic": False, "bounds": {bad: 0.9}}
    record["versions"][bad] = bad
    record["machine"]["processor"] = bad
    path.write_text(json.dumps(record))
    html = render_report(load_run(run.path), cohort=cohort, show_subjects=True)
    page = PageParts(html)
    assert not page.all("script")
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert len(page.all("img")) == 12
    assert bad in page.text
    assert page.text.count(f"{prefix}-0") == 6
    assert HOSTILE[1] in page.text
    assert HOSTILE[2] in page.text


@pytest.mark.parametrize(
    "shape",
    [
        {"classes": ("no", "yes"), "teacher": False, "synthetic": False},
        {"classes": tuple(f"class {index}" for index in range(10)), "folds": 1},
        {"folds": 1, "stages": OFFLINE},
        {"repeats": 5, "stages": ()},
    ],
    ids=["binary alone", "ten classes", "one fold", "repeats without history"],
)
def test_other_shapes_of_runs(tmp_path, shape):
    run = make_run(tmp_path, **shape)
    html = render_report(run)
    page = PageParts(html)
    assert len(html) < 3_000_000
    assert "A few test subjects" not in page.words
    assert ("Synthetic cohort" in page.words) == shape.get("synthetic", True)
    assert ("Learning curves" in page.words) == bool(shape.get("stages", True))
    assert ("no teacher: the model was trained on the labels alone" in page.words) == (not shape.get("teacher", True))
    assert ("One fold, so there is no standard deviation" in page.words) == (shape.get("folds") == 1)


def test_two_classes_have_one_curve_and_clinical_scores(tmp_path):
    words = PageParts(render_report(make_run(tmp_path, classes=("benign", "malignant")))).words
    for part in ("Sensitivity", "Specificity", "PPV", "NPV", "The positive class is malignant", "1 - specificity"):
        assert part in words
    for part in ("OvO", "one-versus-one", "by pair of classes", "benign vs malignant"):
        assert part not in words


def test_a_model_without_a_teacher_is_no_student(tmp_path):
    run = make_run(tmp_path, teacher=False, folds=2, classes=("no", "yes"), description="Clinical items alone")
    run.record["networks"]["student"]["inputs"] = ["clinical"]
    words = PageParts(render_report(run)).words
    assert "Model on clinical, AUC" in words
    assert "The model sees clinical alone." in words
    assert "Of the model: subjects, and percent of each row" in words
    assert "student" not in words.partition("Learning curves by loss term")[0].lower()
    assert "± 0" not in words


def test_vectors_alone_have_no_slices(tmp_path):
    cohort = make_cohort(tmp_path / "cache", subjects=30, images=False)
    run = make_run(tmp_path / "run", subjects=30, fingerprint=cohort.fingerprint)
    assert "A few test subjects" not in render_report(run, cohort=cohort)


def test_a_record_without_its_optional_parts(tmp_path):
    run = make_run(tmp_path, subjects=30)
    record = json.loads(run.folder.record.read_text())
    for name in ("networks", "privileged", "split_hash", "versions", "machine", "seconds", "id", "finished", "profile"):
        del record[name]
    for name in ("bounds", "class_counts", "modalities", "title", "source", "synthetic", "fingerprint", "key"):
        del record["cohort"][name]
    del record["recipe"]["description"]
    run.folder.record.write_text(json.dumps(record))
    words = PageParts(render_report(load_run(run.path))).words
    assert "None" not in words
    assert "Best possible" not in words
    assert "No modality was kept from the student" in words


def test_another_cohort_is_refused(tmp_path, cohort):
    with pytest.raises(RunError, match="this run was made on another cohort"):
        render_report(make_run(tmp_path), cohort=cohort)


def test_the_same_run_gives_the_same_page(run, cohort, html):
    assert render_report(load_run(run.path), cohort=cohort) == html


def test_written_beside_the_predictions_whole(run, cohort, html):
    path = write_report(run, cohort=cohort)
    assert path == run.path / "report.html"
    assert path.read_text(encoding="utf-8") == html
    assert not list(run.path.glob(".*.tmp"))


def test_a_folder_that_is_gone_is_a_clear_error(tmp_path):
    run = make_run(tmp_path / "run", subjects=30)
    run.metrics  # noqa: B018 - read while the folder is there
    run.history  # noqa: B018
    (tmp_path / "run").rename(tmp_path / "moved")
    with pytest.raises(RunError, match=r"splits\.json: cannot be read"):
        write_report(run)


def test_recipe_text_reads_back_as_the_recipe():
    from ruamel.yaml import YAML

    from xdistill.report.details import recipe_text
    from xdistill.runs import Run

    recipe = as_loaded("mvi_hcc").recipe.model_dump(mode="json")
    run = Run(None, {"recipe": recipe})  # type: ignore[arg-type]  # no folder is needed
    assert YAML(typ="safe").load(recipe_text(run)) == recipe


def test_small_words():
    assert [listed(["a", "b", "c"][:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert (duration(48.31), duration(247), duration(3 * 3600 + 61)) == ("48.3 s", "4 min 7 s", "3 h 1 min")
