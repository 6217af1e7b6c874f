"""Records whose values contradict each other or the benchmark, or whose files are no regular files."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from bench.test_bench_verify import change
from xdistill.bench.check import check
from xdistill.bench.records.json_schema import json_schema
from xdistill.bench.records.verify import verify_records
from xdistill.runs.consistency import inputs_problem

RECIPE = {
    "privileged": ["clinical"],
    "student": {"use": "multibranch", "branches": {"pre": {"inputs": ["pre"]}, "hbp": {"inputs": ["hbp"]}}},
}
MODALITIES = ("pre", "hbp", "clinical")


@pytest.mark.parametrize(
    ("inputs", "privileged", "problem"),
    [
        (("pre", "hbp"), ("clinical",), ""),
        (("pre", "clinical"), ("clinical",), "the student's inputs name the privileged modality 'clinical'"),
        (("pre",), ("clinical",), "are pre, but those of the student in the recipe are hbp, pre"),
        (("pre", "mri"), ("clinical",), "name 'mri', which is not a modality of the cohort"),
        (("pre", "clinical"), (), "the student's inputs name the privileged modality 'clinical'"),
        (("pre", "hbp"), ("pre2",), "`privileged` is pre2, but in the recipe it is clinical"),
    ],
)
def test_inputs_follow_from_the_recipe(inputs, privileged, problem):
    assert inputs_problem(RECIPE, {"student": inputs}, privileged, MODALITIES).endswith(problem)
    assert bool(inputs_problem(RECIPE, {"student": inputs}, privileged, MODALITIES)) == bool(problem)


def test_a_teacher_needs_one_in_the_recipe():
    found = inputs_problem(RECIPE, {"student": ("pre", "hbp"), "teacher": ("clinical",)}, ("clinical",), MODALITIES)
    assert found == "there is a teacher, but the recipe has none"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cohort__synthetic": False}, "`cohort.synthetic` is false, but the data set of the benchmark says true"),
        ({"cohort__title": "Real patients"}, '`cohort.title` is "Real patients", but other records say'),
        ({"cohort__bounds": {"image": 0.99}}, "`cohort.bounds` is"),
        ({"run": "../../x"}, "cannot be read as a record: run"),
        ({"tuned": [1]}, "cannot be read as a record: tuned"),
        ({"versions": {}}, "versions: python is missing"),
        ({"versions__torch": "2.0; rm -rf"}, "cannot be read as a record: versions.torch"),
        ({"networks__student__inputs": ["clinical"]}, "cannot be read as a record: networks: the"),
        ({"entry": "a/../b"}, "cannot be read as a record: entry"),
        ({"cohort": []}, "cannot be read as a record: cohort"),
        ({"seed": True}, "cannot be read as a record: seed"),
        ({"scores": None}, "cannot be read as a record: scores"),
    ],
)
def test_contradictions_are_found(submitted, changes, message):
    change(submitted.records / "kd" / "record.json", **changes)
    assert message in "\n".join(check(submitted).problems)


@pytest.mark.parametrize(
    "text", ["[]", "{}", "null", "[" * 100_000, '{"seed": ' + "1" * 5000 + "}", '{"a": "\\ud800"}']
)
def test_what_is_no_record_is_one_message(submitted, text):
    (submitted.records / "kd" / "record.json").write_text(text)
    (problem,) = [one for one in verify_records(submitted).problems if "kd" in one]
    assert "record.json: " in problem


def test_files_of_a_record_are_regular(submitted):
    kd, alone = submitted.records / "kd", submitted.records / "alone"
    (kd / "predictions.csv").unlink()
    os.mkfifo(kd / "predictions.csv")
    (alone / "record.json").rename(submitted.records.parent / "elsewhere.json")
    (alone / "record.json").symlink_to(submitted.records.parent / "elsewhere.json")
    (submitted.records / "loop").symlink_to("loop")
    shutil.copytree(alone, submitted.records.parent / "other", symlinks=True)
    (submitted.records / "linked").symlink_to(submitted.records.parent / "other")
    told = verify_records(submitted).problems
    for name in ("kd/predictions.csv", "alone/record.json", "loop", "linked"):
        assert any(f"{name}: is neither a regular file nor a folder" in problem for problem in told), name
    assert any("it is a named pipe" in problem for problem in told)
    assert any("it is a symbolic link" in problem for problem in told)


@pytest.mark.parametrize("kind", ["record", "run"])
def test_the_schema_describes_what_is_checked(kind):
    schema = json.loads(json.dumps(json_schema(kind)))
    assert schema["$schema"].endswith("2020-12/schema")
    assert {"recipe", "cohort", "networks", "versions"} <= set(schema["properties"])
