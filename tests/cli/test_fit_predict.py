"""`fit`, `predict`, `model` and `data export` on the command line."""

import csv
import json
import shutil

import pytest
from typer.testing import CliRunner

import xdistill
from tiny import tiny
from xdistill.cli.app import app
from xdistill.data import open_cohort
from xdistill.data.export import export_cohort


@pytest.fixture(scope="module")
def made(tiny_run, tmp_path_factory, shared_cache):
    """A model folder, its run, and the images of its cohort as files."""
    folder = tmp_path_factory.mktemp("cli-models")
    shutil.copytree(tiny_run.path.parent.parent, folder / "runs" / tiny_run.path.parent.parent.name)
    xdistill.fit(tiny(), folder / "model", runs=folder / "runs", cache=shared_cache, ensemble=True)
    export_cohort(open_cohort(tiny_run.cohort.path), folder / "new", modalities=["hbp", "pre"], labels=False)
    return folder


@pytest.fixture
def invoke():
    """The command line's result; errors that xdistill raises on purpose are passed on."""

    def call(*words):
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)

    return call


def test_a_table_becomes_a_csv_file(invoke, made, tmp_path):
    result = invoke("predict", made / "model", made / "new" / "subjects.csv", "--to", tmp_path / "out.csv", "-q")
    assert (result.exit_code, result.stdout) == (0, "")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["subject", "prediction", "p_M0", "p_M1", "p_M2", "sd", "set", "flags"]
    assert len(rows) == 30
    assert sum(float(rows[0][f"p_{name}"]) for name in ("M0", "M1", "M2")) == pytest.approx(1)


def test_one_subject_is_a_table_on_the_terminal_and_json(invoke, made):
    files = [f"{name}={made / 'new' / 'phantom-0001' / name}.nii.gz" for name in ("hbp", "pre")]
    assert "prediction" in invoke("predict", made / "model", *files).stdout
    (found,) = json.loads(invoke("predict", made / "model", *files, "--json").stdout)
    assert set(found) == {"subject", "prediction", "probabilities", "sd", "set", "flags"}
    assert max(found["probabilities"], key=found["probabilities"].get) == found["prediction"]


def test_a_broken_file_stops_or_is_listed(invoke, made, tmp_path):
    table = made / "new" / "broken.csv"
    lines = (made / "new" / "subjects.csv").read_text().splitlines()[:4]
    table.write_text("\n".join([*lines, "last,last,none.nii.gz,none.nii.gz"]) + "\n")
    with pytest.raises(xdistill.errors.DataError, match=r"subject 'last': .*none.nii.gz: cannot be read: no such file"):
        invoke("predict", made / "model", table, "--to", tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []
    result = invoke("predict", made / "model", table, "--to", tmp_path / "out.csv", "--skip-errors")
    assert result.exit_code == 0
    assert "1 of 4 subjects could not be read" in result.stderr
    assert (tmp_path / "out.csv").read_text().count("\n") == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hbp=a.nii.gz"], "the subject has no modality `pre`; the student reads `hbp`, `pre`"),
        (["hbp=a.nii.gz", "pre=b.nii.gz", "clinical=c.csv"], "privileged modality `clinical`, which the student never"),
        (["hbp=a.nii.gz", "hbp=b.nii.gz"], "the modality `hbp` is given twice"),
        (["hbp=a.nii.gz", "b.nii.gz"], "`b.nii.gz` is not MODALITY=FILE"),
        (["none.csv"], "none.csv: cannot be read: no such file"),
        (["hbp=a.txt", "pre=b.nii.gz"], "a.txt is not a volume; files end in .nii"),
    ],
)
def test_wrong_subjects_are_one_message(invoke, made, words, message):
    with pytest.raises(xdistill.errors.UserError, match=message):
        invoke("predict", made / "model", *words)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject,hbp\na,b.nii.gz\n", "the column `pre` of modality `pre` is missing"),
        ("subject,hbp,pre\n", "the table has no rows"),
        ("subject,hbp,pre\na,b\n", "line 2: has 2 cells where the header has 3"),
        ("subject,hbp,pre\na,x.npy,x.npy\na,x.npy,x.npy\n", "line 3: the subject 'a' is also on line 2"),
        ('subject,hbp,pre\n"a,x.npy,x.npy\n', "cannot be read as CSV"),
        ("subject,hbp,pre\na,,x.npy\n", "modality `hbp` is missing; all training subjects had it"),
    ],
)
def test_wrong_tables_are_one_message(invoke, made, tmp_path, text, message):
    (tmp_path / "new.csv").write_text(text)
    with pytest.raises(xdistill.errors.UserError, match=message):
        invoke("predict", made / "model", tmp_path / "new.csv")


@pytest.mark.parametrize("option", ["--batch-size=0", "--jobs=0"])
def test_numbers_are_checked(made, option):
    assert CliRunner().invoke(app, ["predict", str(made / "model"), "x.csv", option]).exit_code == 2


def test_the_card_and_the_model_are_shown(invoke, made):
    shown = invoke("model", "show", made / "model").stdout
    assert "no training subject is real" in shown
    assert "clinical: only the teacher saw it" in shown
    assert json.loads(invoke("model", "show", made / "model", "--json").stdout)["inputs"].keys() == {"hbp", "pre"}
    card = invoke("model", "card", made / "model").stdout
    assert card.index("**Synthetic cohort: no patient is real.**") < card.index("This is not a medical device")


def test_hugging_face_reads_the_card(made):
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard.load(made / "model" / "README.md")
    data = card.data.to_dict()
    assert data["library_name"] == "xdistill"
    assert {result.metric_type for result in card.data.eval_results} >= {"auc_ovo", "accuracy"}


def test_fit_takes_a_run_and_writes_json(invoke, made, tmp_path, shared_cache):
    (run,) = (made / "runs" / "tests" / "tiny").iterdir()
    options = ["--to", tmp_path / "m", "--runs", made / "runs", "--cache", shared_cache, "--json", "-q"]
    result = invoke("fit", run, *options)
    assert json.loads(result.stdout) == {"model": str(tmp_path / "m"), "members": ["fit"], "inputs": ["hbp", "pre"]}


def test_a_cohort_is_exported_and_read_again(invoke, made, tmp_path, shared_cache):
    run = xdistill.load_run(next((made / "runs" / "tests" / "tiny").iterdir()))
    (cohort,) = shared_cache.glob(f"hcc_phantom-{run.record['cohort']['key'][:16]}.h5")
    result = invoke("data", "export", cohort, "--to", tmp_path / "files", "--format", "npy", "-q")
    assert result.stdout.strip() == str(tmp_path / "files" / "subjects.csv")
    recipe = tiny(data={"use": "manifest", "path": str(tmp_path / "files" / "subjects.csv")})
    again = xdistill.run(recipe, runs=tmp_path / "runs", cache=tmp_path / "cache")
    original = open_cohort(cohort)
    assert again.cohort is not None
    assert (again.cohort.values("hbp", range(30)) == original.values("hbp", range(30))).all()
    assert again.record["cohort"]["class_counts"] == run.record["cohort"]["class_counts"]


@pytest.mark.parametrize(("to", "message"), [(".", "is a folder; name a file"), ("none/out.csv", "there is no folder")])
def test_an_output_that_cannot_be_written_is_told_first(invoke, made, tmp_path, to, message):
    with pytest.raises(xdistill.errors.UserError, match=message):
        invoke("predict", made / "model", made / "new" / "subjects.csv", "--to", tmp_path / to)


def test_a_folder_without_a_card(invoke, made):
    with pytest.raises(xdistill.errors.ModelError, match="there is no model here"):
        invoke("model", "card", made / "runs")
