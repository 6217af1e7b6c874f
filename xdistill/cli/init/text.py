"""The recipe that is written: YAML with comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from xdistill.cli.init.plan import Plan

_FOLDS: Final = 5
_PLAIN: Final = re.compile(r"[A-Za-z_][\w-]*")
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def recipe_text(plan: Plan, *, name: str, path: str, source: str) -> str:
    """The recipe as YAML.

    Args:
        plan: what the columns are.
        name: of the recipe.
        path: of the table, relative to the recipe.
        source: name of the table, for the first line.
    """
    teacher = bool(_inputs(plan)[1])
    lines = [
        f"# Written by `xdistill init` from {_comment(source)}. Check it: xdistill recipe check; then: xdistill run.",
        f"name: {name}",
        *_data(plan, path),
        *_task(plan),
        *(_of_images(plan) if plan.images else _of_vectors(plan)),
        *(_stages(plan) if teacher else _alone(plan)),
        "optimizer: {use: adamw, lr: 1.0e-3, weight_decay: 1.0e-4, schedule: cosine}",
        f"loader: {{batch_size: {8 if plan.images else 32}}}",
        *_crossval(plan),
        *_missing(plan),
        "seed: 0",
    ]
    return "\n".join(lines) + "\n"


def _data(plan: Plan, path: str) -> Iterator[str]:
    yield "data:"
    yield "  use: manifest                 # a table with one row per subject"
    yield f"  path: {_quoted(path)}"
    roles = {"subject": plan.subject or None, "patient": plan.patient, "label": plan.label}
    shown = [f"{role}: {'null' if name is None else _quoted(name)}" for role, name in roles.items() if name != ""]
    yield f"  columns: {{{', '.join(shown)}}}{'' if plan.subject else '  # rows are numbered'}"
    if plan.classes:
        note = "  # the second is the positive one" if len(plan.classes) == 2 else ""  # noqa: PLR2004 - binary
        yield f"  classes: {_list(plan.classes)}{note}"
    if plan.unlabelled:
        yield f"  without_label: leave_out      # rows without a label: {plan.unlabelled}; or unlabelled: they stay"
    required = [*plan.gaps, *(name for name in _inputs(plan)[0] if name in plan.absent)]
    if required:
        yield f"  require: {_list(required)}  # subjects without these are left out"
    yield from _volumes(plan)
    if plan.privileged:
        others = [column for column in plan.clinical if column not in plan.privileged]
        yield "  clinical: null"
        yield "  tables:                       # vector modalities"
        yield f"    clinical: {{columns: {_list(others)}}}" if others else "    # no column is left for the student"
        yield f"    privileged: {{columns: {_list(plan.privileged)}}}"
    elif plan.clinical:
        yield f"  clinical: {{include: {_list(plan.clinical)}}}"
    else:
        yield "  clinical: null"
    if plan.kept:
        yield f"  keep: {_list(plan.kept)}  # for splits; no network reads them"
    for column, reason in plan.left_out.items():
        yield f"  # not used: {_comment(column)} ({reason})"


def _volumes(plan: Plan) -> Iterator[str]:
    if not plan.images:
        yield "  volumes: {}"
        return
    yield "  volumes:"
    for column in plan.images:
        size = ", preprocess: {size: [64, 64], fit: area, colour: rgb}" if column in plan.pictures else ""
        yield f"    {modality(column)}: {{column: {_quoted(column)}{size}}}{'  # height, width' if size else ''}"
    if len(plan.pictures) < len(plan.images):
        yield "  preprocess: {size: [16, 48, 48], clip: [1, 99], zscore: true}  # depth, height, width; percentiles"
    else:
        yield "  preprocess: {zscore: true}"


def _task(plan: Plan) -> Iterator[str]:
    if not plan.classes:
        yield f"task: {{use: regression, targets: [{_quoted(plan.label)}]}}  # the label is a number"


def _inputs(plan: Plan) -> tuple[list[str], list[str]]:
    """The modalities of the student, and those that its teacher reads besides; none of these: there is no teacher."""
    names = [modality(column) for column in plan.images]
    if plan.privileged and not names:
        return ["clinical"], ["privileged"]
    if not names:
        return ["clinical"], []
    return (names, ["clinical"]) if plan.clinical else (names[:1], names[1:])


def _missing(plan: Plan) -> Iterator[str]:
    absent = [name for name in _inputs(plan)[1] if name in plan.absent]
    if absent:
        yield f"missing: skip                   # some subjects lack {', '.join(absent)}; see docs/missing-data.md"


def _of_images(plan: Plan) -> Iterator[str]:
    names, (student, more) = [modality(column) for column in plan.images], _inputs(plan)
    kind = "mri" if len(plan.pictures) < len(plan.images) else "image"
    if plan.clinical:
        yield from _privileged("clinical", "clinical")
        yield "teacher:"
        yield from _branches(names, f"{kind}_clinical_fusion", ", clinical")
    elif more:
        yield f"privileged: {_list(more)}  # the teacher alone reads these; the student gets the first image"
        yield "teacher:"
        yield from _branches(names, f"{kind}_only", "")
    yield "augment:"
    yield "  - {use: volume_flip, axes: [width], together: true}"
    yield "student:"
    yield from _branches(student, f"{kind}_only", "")


def _branches(names: Sequence[str], encoder: str, also: str) -> Iterator[str]:
    yield "  use: multibranch"
    yield "  branches:"
    for name in names:
        yield f"    {name}: {{use: {encoder}, inputs: [{name}{also}], width: 0.125}}"
    if len(names) > 1:
        yield "  fusion: {use: cross_attention}"


def _of_vectors(plan: Plan) -> Iterator[str]:
    if plan.privileged:
        yield from _privileged("privileged", "clinical", "privileged")
        yield "teacher: {use: mlp, inputs: [clinical, privileged], hidden: [32]}"
    else:
        yield "# No column is privileged, so there is no teacher. Which columns will new patients lack? Write the"
        yield "# recipe again with --privileged COLUMN for each of them."
        yield from _transforms("clinical")
    yield "student: {use: mlp, inputs: [clinical], hidden: [32]}"


def _privileged(name: str, *vectors: str) -> Iterator[str]:
    yield f"privileged: [{name}]        # the teacher alone reads it; a student that does is rejected"
    yield from _transforms(*vectors)


def _transforms(*vectors: str) -> Iterator[str]:
    yield "transforms:                     # fitted on the training subjects of each split"
    for name in vectors:
        yield f"  - {{use: tabular, modality: {name}}}"


def _stages(plan: Plan) -> Iterator[str]:
    yield "stages:"
    yield "  - name: teacher"
    yield "    train: [teacher]"
    yield f"    epochs: {60 if plan.images else 40}"
    yield f"    objective: [{{use: {_loss(plan)}, on: teacher}}]"
    taught = "class_kl}]  # labels, and the teacher's probabilities"
    if not plan.classes:
        taught = "teacher_bounded}]  # labels, and the teacher where it is nearer to them"
    yield from _student(plan, f"[{{use: {_loss(plan)}}}, {{use: {taught}")


def _alone(plan: Plan) -> Iterator[str]:
    yield "stages:"
    yield from _student(plan, f"[{{use: {_loss(plan)}}}]")


def _loss(plan: Plan) -> str:
    return "cross_entropy" if plan.classes else "mse"


def _student(plan: Plan, objective: str) -> Iterator[str]:
    yield "  - name: student"
    yield "    train: [student]"
    yield f"    epochs: {60 if plan.images else 40}"
    yield f"    objective: {objective}"


def _crossval(plan: Plan) -> Iterator[str]:
    if plan.split:
        yield f"crossval: {{by: split, column: {_quoted(plan.split)}}}  # trained and tested as this column says"
    elif plan.fold:
        yield f"crossval: {{by: fold, column: {_quoted(plan.fold)}}}  # this column names the fold that tests a subject"
    else:
        folds = max(2, min(_FOLDS, plan.patients))
        yield f"crossval: {{folds: {folds}, repeats: 1, stratify: true, seed: 0}}  # patients are kept whole"
    if plan.site:
        yield "# To test each site by networks trained on all others, use instead:"
        yield f"# crossval: {{by: site, column: {_quoted(plan.site)}}}"
    if plan.date:
        yield "# To train on earlier and test on later subjects, use instead, with a date of yours:"
        yield f'# crossval: {{by: date, column: {_quoted(plan.date)}, since: "2020-01-01"}}'


def modality(column: str) -> str:
    """The name of a modality, from that of its column."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", column).strip("_-") or "image"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, names))}]"


def _quoted(text: str) -> str:
    """A text as YAML reads it back."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


def _comment(text: str) -> str:
    """Text of others in a comment, on one line."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
