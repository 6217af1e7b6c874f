"""Reads a model from its folder, or from the folder of a finished run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xdistill.errors import ModelError
from xdistill.folders import default_cache_dir
from xdistill.models.calibration import Calibration, Intervals
from xdistill.models.config import MemberConfig, ModelConfig, StudentConfig, parse
from xdistill.models.ensemble import Member
from xdistill.models.files import CALIBRATION, CONFIG, INTERVALS, TRAINING, check_sums, read_json, read_weights
from xdistill.models.model import StudentModel
from xdistill.models.restore import network_of, reader_of, transforms_of
from xdistill.models.training_facts import facts_of_run
from xdistill.plugin import Catalog, load_catalog
from xdistill.plugin.importing import selected
from xdistill.runs import RunFolder, fold_name, load_run
from xdistill.version import __version__


def load_model(
    path: Path | str,
    *,
    member: str | None = None,
    plugins: Sequence[Path | str] = (),
    cache: Path | str | None = None,
) -> StudentModel:
    """A trained student, ready to predict.

    Args:
        path: a model folder, or the folder of a finished run: then its folds are an ensemble.
        member: one network alone, such as ``r0-f0``, uncalibrated. None: all of them.
        plugins: Python files with plugins that are not installed.
        cache: folder of the cohort files, where a run's training subjects are looked up to describe its inputs. None:
            the user's cache folder. A model folder describes them itself.

    Raises:
        ModelError: for a folder that holds no model, one of another format version, a changed file, or a missing
            plugin.

    No code of the folder is run. Neither the training cohort nor, for a model folder, the run is needed.
    """
    folder = Path(path)
    with selected(files=plugins):
        catalog = load_catalog()
        if (folder / CONFIG).is_file():
            model = _from_folder(folder, catalog)
        elif (folder / "record.json").is_file():
            model = _described(model_of_run(folder, catalog), None if cache is None else Path(cache))
        else:
            raise ModelError(
                f"{folder}: there is no model here; pass a folder that `xdistill fit` wrote, or that of a finished run"
            )
    return model if member is None else model.member(member)


def _described(model: StudentModel, cache: Path | None) -> StudentModel:
    """A run's model with the facts of its training subjects, if their cohort file is at hand."""
    run = load_run(model.path or Path())
    facts = facts_of_run(run, model.inputs, cache)
    if facts is not None:
        return replace(model, training=facts)
    note = (
        f"the cohort of this run is not in {cache or default_cache_dir()}: predictions have no flags for unusual "
        f"inputs, and an evaluation shows no drift. Set XDISTILL_CACHE to its folder, or use a model "
        f"folder: `xdistill fit {model.path} --to FOLDER`"
    )
    return replace(model, notes=(*model.notes, note))


def _from_folder(folder: Path, catalog: Catalog) -> StudentModel:
    files = check_sums(folder)
    config: ModelConfig = parse(ModelConfig, read_json(folder / CONFIG), str(folder / CONFIG))
    for item in config.members:
        if item.weights not in files:
            raise ModelError(f"{folder / CONFIG}: the weights {item.weights} are not in the list of checksums")
    student = student_part(config)
    members = [_member(item, student, catalog, folder) for item in config.members]
    calibration = Calibration.read(folder / CALIBRATION, student) if CALIBRATION in files else None
    intervals = Intervals.read(folder / INTERVALS, student.schema_of_inputs.task) if INTERVALS in files else None
    training = read_json(folder / TRAINING) if TRAINING in files else {}
    if not isinstance(training, dict):
        raise ModelError(f"{folder / TRAINING}: not a description of training subjects; copy the model again")
    return StudentModel(
        student,
        tuple(members),
        calibration,
        training,
        reader_of(student, catalog),
        folder,
        _notes(student, catalog),
        intervals,
    )


def student_part(config: ModelConfig) -> StudentConfig:
    """The configuration without format and members."""
    own = {field.alias or name for name, field in StudentConfig.model_fields.items()}
    return StudentConfig.model_validate({name: value for name, value in config.to_json().items() if name in own})


def _member(item: MemberConfig, config: StudentConfig, catalog: Catalog, folder: Path) -> Member:
    transforms = transforms_of(config, catalog, item.transforms)
    weights = read_weights(folder / item.weights)
    try:
        network = network_of(config, catalog, transforms.schema, weights)
    except ModelError as error:
        raise ModelError(f"{folder / item.weights}: {error}") from error
    return Member(item.name, network, transforms)


def model_of_run(folder: Path, catalog: Catalog) -> StudentModel:
    """The students of a finished run's folds as an ensemble.

    Args:
        folder: of the run.
        catalog: the registered components.

    Raises:
        RunError: if the run is not finished, cannot be read, or has a file that was changed.
        ModelError: if the run was written by a version that did not describe its student.
    """
    run = load_run(folder, thorough=True)
    described = run.record.get("student")
    if not isinstance(described, Mapping):
        raise ModelError(f"{folder}: the run was written before models could be read from runs; run the recipe again")
    config: StudentConfig = parse(StudentConfig, described, str(run.folder.record))
    folds = sorted({(fold.repeat, fold.fold) for fold in run.predictions.of("student")})
    members = []
    for repeat, fold in folds:
        path = RunFolder(folder).fold(fold_name(repeat, fold))
        transforms = transforms_of(config, catalog, read_json(path / "transforms.json"))
        network = network_of(config, catalog, transforms.schema, read_weights(path / "student.safetensors"))
        members.append(Member(path.name, network, transforms))
    return StudentModel(
        config,
        tuple(members),
        Calibration.of_run(run),
        reader=reader_of(config, catalog),
        path=folder,
        notes=(*run.notes, *_notes(config, catalog)),
        intervals=Intervals.of_run(run),
    )


def _notes(config: StudentConfig, catalog: Catalog) -> tuple[str, ...]:
    """What differs from the installation that trained the model."""
    here = {"xdistill": __version__, **{entry.distribution: entry.version for entry in catalog}}
    return tuple(
        f"the model was trained with {name} {version}, and {here[name]} is installed; predictions may differ"
        for name, version in config.versions.items()
        if name in here and here[name] != version
    )
