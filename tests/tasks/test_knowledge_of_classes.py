"""Only tasks know classes: the rest of the core asks them. Whoever needs classes for a reason is listed here."""

import re
from pathlib import Path

import xdistill

CORE = Path(xdistill.__file__).parent
KNOWLEDGE = re.compile(r"softmax\(|\.classes\b|len\(classes\)")
ALLOWED = {
    "types.py": "`Schema.classes`, and the deprecated name of `OutputSpec.outputs`",
    "interfaces/fitted.py": "estimators are fitted to classes",
    "estimator/labels.py": "`Distiller.fit` makes classes of labels; it is a classifier",
    "distillation/controls.py": "label smoothing and the constant teacher are controls of classification",
    "stats/metrics.py": "the metrics of classification",
    "stats/resampled.py": "the metrics of classification, of many resamples",
    "report/charts.py": "the confusion matrix and the subjects' cards name classes",
    "report/confusion.py": "the confusion matrix",
    "report/roc.py": "the ROC curves of pairs of classes",
    "report/slices.py": "subjects with their true and predicted class",
    "bench/export/facts.py": "the number of subjects of each class; not class names",
    "bench/fresh/results.py": "scores of predictions, by metrics of classification",
    "bench/export/wording.py": "the AUC of two classes is not a mean over pairs",
    "testing/distillation_loss.py": "suites take the number of logits as `classes`",
    "testing/task_loss.py": "suites take the number of logits as `classes`",
    "cli/predict.py": "the prediction set is a set of classes",
    "deployment/export/metadata.py": "prediction sets are sets of classes",
    "deployment/export/graph.py": "temperature scaling in the exported graph",
    "models/ensemble.py": "`StudentModel.classes`",
    "models/model.py": "`StudentModel.predict` returns the most probable class",
    "models/stream.py": "prediction sets are sets of classes",
    "report/scores.py": "a network that predicts one class for every subject",
    "experiment/external/alignment.py": "an external cohort with some of the classes, or in another order",
    "cli/init/folder.py": "a folder for each class",
    "cli/init/text.py": "the recipe names the classes",
    "profiling/cohort.py": "columns that give the label away are looked for where labels are classes",
    "profiling/profile.py": "the profile of a table counts the classes",
    "cli/data/profile.py": "the same, on the terminal",
    "serving/answers.py": "the answer names the prediction set",
}
FOLDERS = {
    "targets/": "read labels as targets of a task, such as classes",
    "deployment/evaluate/": "what is evaluated are class probabilities",
    "deployment/explain/": "a map explains the score of one class",
    "models/calibration/": "temperature, sets and thresholds are of class probabilities",
}


def knowing():
    """Files outside of tasks/ that know classes, with the lines."""
    found = {}
    for path in sorted(CORE.rglob("*.py")):
        name = path.relative_to(CORE).as_posix()
        lines = [number for number, line in enumerate(path.read_text().splitlines(), 1) if KNOWLEDGE.search(line)]
        if lines and not name.startswith(("tasks/", *FOLDERS)):
            found[name] = lines
    return found


def test_only_listed_files_know_classes():
    unlisted = {name: lines for name, lines in knowing().items() if name not in ALLOWED}
    assert not unlisted, "ask `schema.task` instead, or give a reason in this file"


def test_what_is_listed_still_knows_classes():
    assert set(ALLOWED) <= set(knowing())
