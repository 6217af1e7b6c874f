"""Replays and signatures: invented predictions are found by training again, and tables say who looked."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from copy import deepcopy

import pytest

from bench.test_bench_verify import change
from bench.tiny_benchmark import write_benchmark
from tiny import trained
from xdistill.bench.check import check
from xdistill.bench.export import render
from xdistill.bench.load import load_benchmark
from xdistill.bench.recipes import entry_recipe
from xdistill.bench.records.attest import REPLAYS, SIGNATURE, SIGNERS, Replay, add_replay, read_replays, sign
from xdistill.bench.records.defaults import changed_default
from xdistill.bench.records.record import claimed, digest
from xdistill.bench.records.submit import submit
from xdistill.bench.records.verify import read_records, verify_records
from xdistill.bench.replay import TOLERANCE, Replayed, replay
from xdistill.bench.table import standings
from xdistill.errors import RunError, UserError
from xdistill.runs import load_run
from xdistill.stats import read_predictions

needs_openssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs OpenSSH")


@pytest.fixture(scope="module")
def real(tmp_path_factory, catalog, shared_cache):
    """A benchmark with the record of a run that was trained."""
    folder = tmp_path_factory.mktemp("replayed")
    benchmark = load_benchmark(write_benchmark(folder / "benchmarks"))
    run = trained(entry_recipe(benchmark, "alone", 0), runs=folder / "runs", cache=shared_cache)
    submit(load_run(run.path), benchmark, "alone", catalog=catalog)
    return benchmark


def record_of(benchmark):
    return {record.entry: record for record in read_records(benchmark)}["alone"]


def test_a_true_record_is_reproduced_bit_by_bit(real, catalog, shared_cache):
    found = replay(real, record_of(real), count=1, catalog=catalog, cache=shared_cache)
    assert found.identical
    assert found.same_versions
    assert found.problem == ""
    assert len(found.folds) == 1


def test_invented_predictions_with_right_hashes_are_found(real, tmp_path, catalog, shared_cache):
    shutil.copytree(real.path.parent, tmp_path / "benchmarks")
    benchmark = load_benchmark(tmp_path / "benchmarks" / "small.yaml")
    folder = benchmark.records / "alone"
    lines = (folder / "predictions.csv").read_text().splitlines()
    truth = {"M0": "0.98,0.01,0.01", "M1": "0.01,0.98,0.01", "M2": "0.01,0.01,0.98"}
    rows = [re.sub(r"[^,]*,[^,]*,[^,]*$", "", line) for line in lines[1:]]
    forged = [lines[0], *(row + truth[row.split(",")[4]] for row in rows)]
    text = "\n".join(forged) + "\n"
    (folder / "predictions.csv").write_text(text)
    scores = claimed(read_predictions(folder / "predictions.csv"))
    change(folder / "record.json", predictions_sha256=digest(text), scores=scores)
    assert verify_records(benchmark).problems == ()  # everything follows from what was invented
    found = replay(benchmark, record_of(benchmark), count=1, catalog=catalog, cache=shared_cache)
    assert not found.identical
    assert "trained again, differ by up to 0." in found.problem


def test_a_default_that_was_changed_makes_another_recipe(real, catalog):
    facts = record_of(real).facts
    recipe, versions = deepcopy(facts["recipe"]), facts["versions"]
    assert changed_default(real, "alone", recipe, versions, catalog) == ""
    recipe["stages"][0]["optimizer"]["lr"] = 0.5
    assert changed_default(real, "alone", recipe, versions, catalog) == "stages.0.optimizer.lr"
    assert changed_default(real, "alone", recipe, {**versions, "xdistill": "0.1"}, catalog) == "", "other defaults then"


@pytest.mark.parametrize(
    ("same_versions", "identical", "largest", "true"),
    [(True, True, 1e-7, True), (True, False, 1e-4, False), (False, False, TOLERANCE, True), (False, False, 0.2, False)],
)
def test_same_versions_have_to_give_the_same_bits(real, same_versions, identical, largest, true):
    found = Replayed(record_of(real), ("r0-f0",), same_versions, identical, largest, {})
    assert (found.problem == "") is true


def test_another_cohort_cannot_replay(real, catalog, shared_cache):
    smaller = {**real.file.data.model_dump(), "subjects": 27}
    del smaller["use"]
    record = record_of(real)
    other = load_benchmark(write_benchmark(real.path.parent.parent / "other", data={"use": "hcc_phantom", **smaller}))
    with pytest.raises(UserError, match="cannot be replayed here: its cohort are"):
        replay(other, record, count=1, catalog=catalog, cache=shared_cache)


def said(record, **changes):
    facts = {"by": "A. Lab", "when": "2026-01-01T00:00:00+00:00", "folds": ("r0-f0",), "identical": True,
             "largest": 0.0, "versions": {}, "predictions_sha256": record.facts["predictions_sha256"]}  # fmt: skip
    return Replay(**{**facts, **changes})


def test_tables_say_who_replayed_what_and_what_nobody_did(submitted):
    records = {record.entry: record for record in read_records(submitted)}
    assert "No row was replayed or signed" in render(standings(submitted, tuple(records.values())), "md")
    folder = submitted.records / "kd"
    add_replay(folder, said(records["kd"]))
    add_replay(folder, said(records["kd"], folds=("r0-f0", "r0-f1")))  # in place of the first
    table = standings(submitted, read_records(submitted))
    for fmt in ("md", "html"):
        text = render(table, fmt)
        assert "replayed 2 folds by A. Lab" in text
        assert "replayed 1 fold" not in text
        assert "neither replayed nor signed" in text
    change(folder / REPLAYS, replays=[{**said(records["kd"]).model_dump(mode="json"), "predictions_sha256": "00"}])
    assert "the replay by 'A. Lab' is of other predictions" in "\n".join(check(submitted).problems)


@pytest.mark.parametrize("text", ["[]", "{}", '{"replays": [1]}', "[" * 100_000, '{"replays": [], "x": 1}'])
def test_what_is_no_replay_is_one_message(submitted, text):
    (submitted.records / "kd" / REPLAYS).write_text(text)
    with pytest.raises(RunError, match=REPLAYS):
        read_replays(submitted.records / "kd")
    assert any(REPLAYS in problem for problem in verify_records(submitted).problems)


@needs_openssh
def test_signatures_say_by_whom_and_that_nothing_was_changed(submitted, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    folder = submitted.records / "kd"
    sign(folder, key)
    assert {record.entry: record.said for record in read_records(submitted)} == {
        "alone": (),
        "kd": ("signed, by a key that is not listed",),
    }
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    (submitted.records / SIGNERS).write_text(f'ann@lab.org namespaces="xdistill-record" {public}\n')
    assert {record.entry: record.said for record in read_records(submitted)}["kd"] == ("signed by ann@lab.org",)
    facts = json.loads((folder / "record.json").read_text())
    change(folder / "record.json", created="2020-01-01T00:00:00+00:00")
    assert "not a signature of the record by ann@lab.org" in "\n".join(verify_records(submitted).problems)
    (folder / "record.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    (folder / SIGNATURE).write_text("not a signature")
    assert "signed with a key that allowed_signers does not list" in "\n".join(verify_records(submitted).problems)
    with pytest.raises(RunError, match="cannot be signed"):
        sign(folder, tmp_path / "no key")
