"""The format of a model folder, and what is refused."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import xdistill
from tiny import tiny
from xdistill.errors import ModelError, UserError
from xdistill.models.files import digest

FILES = {"README.md", "calibration.json", "checksums.json", "config.json", "model.safetensors", "training.json"}


def rewrite(folder, name, change):
    """Change a JSON file and its checksum, as somebody who wants to fool the loader does."""
    path = folder / name
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    sums = json.loads((folder / "checksums.json").read_text())
    sums["sha256"][name] = digest(path)
    (folder / "checksums.json").write_text(json.dumps(sums))


def test_a_model_folder_holds_what_the_format_says(fitted):
    assert {path.name for path in fitted.iterdir()} == FILES
    config = json.loads((fitted / "config.json").read_text())
    assert (config["format"], config["format_version"]) == ("xdistill-model", 1)
    assert list(config["schema"]["modalities"]) == ["hbp", "pre"]
    assert config["privileged"] == ["clinical"]
    assert config["reader"]["use"] == "hcc_phantom"


def test_no_subject_id_is_in_it(fitted):
    for path in fitted.iterdir():
        assert b"phantom-0" not in path.read_bytes()


def test_it_loads_without_cohort_and_run(fitted, table, tmp_path):
    home = shutil.copytree(fitted, tmp_path / "elsewhere")
    code = f"import xdistill; print(len(xdistill.load_model({str(home)!r}).predict_table({str(table)!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "XDISTILL_CACHE": str(tmp_path / "none")},
    )
    assert done.stdout.strip() == "30"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", sorted(FILES - {"checksums.json"}))
def test_a_changed_byte_is_found(model_folder, name):
    path = model_folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=rf"{name}: the file has changed since the model was written"):
        xdistill.load_model(model_folder)


@pytest.mark.parametrize("name", sorted(FILES - {"checksums.json", "README.md"}))
def test_a_missing_or_truncated_file_is_named(model_folder, name):
    path = model_folder / name
    path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(ModelError, match=name):
        xdistill.load_model(model_folder)
    path.unlink()
    with pytest.raises(ModelError, match=r"config.json|cannot be read|no model"):
        xdistill.load_model(model_folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(format_version=2), "format version 2; this version of xdistill reads version 1"),
        (lambda data: data.update(format="other"), "not the configuration of a model"),
        (lambda data: data.update(extra=1), "`extra`: Extra inputs are not permitted"),
        (lambda data: data["student"].update(use="elsewhere"), "`student`: .*elsewhere.*install the plugin"),
        (lambda data: data["student"].update(fusion={"use": "cross_attention", "heads": 0}), "student.*heads|heads"),
        (lambda data: data["reader"].update(use="elsewhere"), "`reader`: .*elsewhere.*install the plugin"),
        (lambda data: data["reader"].update(settings={"volumes": 3}), "settings for reading volumes are not valid"),
        (lambda data: data["members"][0].update(weights="../model.safetensors"), "weights"),
        (lambda data: data["members"][0].update(transforms={"transforms": 3}), "transforms"),
        (lambda data: data["student"]["branches"]["hbp"].update(width=0.5), "weights are not those of the student"),
        (lambda data: data["schema"].pop("classes"), "schema"),
    ],
)
def test_a_wrong_configuration_is_one_message(model_folder, change, message):
    rewrite(model_folder, "config.json", change)
    with pytest.raises(UserError, match=message) as caught:
        xdistill.load_model(model_folder)
    assert len(str(caught.value)) < 2000


def test_links_and_pipes_are_refused(model_folder, tmp_path):
    weights = model_folder / "model.safetensors"
    weights.rename(tmp_path / "weights")
    weights.symlink_to(tmp_path / "weights")
    with pytest.raises(ModelError, match="not a regular file"):
        xdistill.load_model(model_folder)
    weights.unlink()
    os.mkfifo(weights)
    with pytest.raises(ModelError, match="not a regular file"):
        xdistill.load_model(model_folder)


def test_other_versions_are_told(model_folder):
    rewrite(model_folder, "config.json", lambda data: data["versions"].update(xdistill="9.9"))
    (note,) = xdistill.load_model(model_folder).notes
    assert note.startswith("the model was trained with xdistill 9.9")


def test_a_model_does_not_replace_other_things(run, tmp_path, shared_cache):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with pytest.raises(ModelError, match="holds something other than a model"):
        xdistill.fit(tiny(), tmp_path / "notes", runs=run.path.parent.parent, cache=shared_cache)
    assert [path.name for path in (tmp_path / "notes").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("folder", ["empty", "absent"])
def test_a_folder_without_a_model(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="there is no model here; pass a folder that `xdistill fit` wrote"):
        xdistill.load_model(tmp_path / folder)


def test_a_model_does_not_replace_a_run(run, shared_cache):
    before = sorted(path.name for path in run.path.iterdir())
    with pytest.raises(ModelError, match="holds something other than a model"):
        xdistill.fit(tiny(), run.path, runs=run.path.parent.parent, cache=shared_cache)
    assert sorted(path.name for path in run.path.iterdir()) == before


def test_a_data_set_without_a_reader_is_one_message(model_folder):
    rewrite(model_folder, "config.json", lambda data: data.update(reader={"use": "digits", "settings": {}}))
    with pytest.raises(UserError, match="the data set `digits` reads no new subjects"):
        xdistill.load_model(model_folder)
