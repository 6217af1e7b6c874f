"""What the columns of a table are taken for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from xdistill.errors import UserError
from xdistill.profiling.measure import LIKE_IDS
from xdistill.suggest import did_you_mean
from xdistill.tables import sorted_names

if TYPE_CHECKING:
    from xdistill.profiling import ColumnProfile, Profile
    from xdistill.tables import Table

VOLUMES: Final = (".nii", ".nii.gz", ".npy", ".npz", ".nrrd", ".mha", ".mhd")
PICTURES: Final = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
IMAGES: Final = (*VOLUMES, *PICTURES)
_LABEL: Final = ("label", "class", "target", "diagnosis", "outcome", "y")
_SUBJECT: Final = (
    *("subject", "subjectid", "id", "sample", "sampleid", "case", "caseid", "studyid", "recordid", "participantid"),
    *("fallnr", "fallnummer", "pseudonym"),
)
_PATIENT: Final = (
    *("patient", "patientid", "patients", "pid", "person", "mrn", "patnr", "patid", "patientnr", "patientennr"),
    "patientennummer",
)
_SITE: Final = ("site", "center", "centre", "hospital", "institution")
_SPLIT: Final = ("split", "set", "subset", "partition")
_FOLD: Final = ("fold",)
_DATE: Final = ("date", "studydate", "scandate", "visitdate", "examdate", "acquisitiondate")
_CLINICAL: Final = frozenset({"number", "category", "grade"})
_MOST_CLASSES: Final = 20
_LEAST: Final = 2


@dataclass(frozen=True)
class Plan:
    """The role of each column.

    Attributes:
        label: the classes.
        subject: the ids; empty: rows are numbered.
        patient: the patients; empty: every subject is one.
        split: the part of each subject; empty: none.
        fold: the fold that tests it; empty: none.
        site: where it was examined; empty: unknown.
        date: when it was examined; empty: unknown.
        images: columns of volumes and pictures.
        pictures: those of pictures.
        clinical: numbers and categories.
        privileged: those of the clinical columns that only the teacher may read.
        left_out: why the other columns are not used.
        classes: of the label, in order; empty: the label is a number.
        unlabelled: rows without a label.
        patients: number of patients of the smallest class, or of all.
        gaps: columns for splits with empty cells.
        absent: modalities that some subjects lack.
    """

    label: str
    subject: str = ""
    patient: str = ""
    split: str = ""
    fold: str = ""
    site: str = ""
    date: str = ""
    images: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    clinical: tuple[str, ...] = ()
    privileged: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    unlabelled: int = 0
    patients: int = 0
    gaps: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def kept(self) -> tuple[str, ...]:
        """Columns for splits."""
        return tuple(name for name in (self.site, self.split, self.fold, self.date) if name)

    def without(self, columns: Sequence[str], reason: str) -> Plan:
        """The plan with some clinical columns left out, other than privileged ones that were asked for."""
        gone = {name: reason for name in columns if name in self.clinical and name not in self.privileged}
        rest = tuple(name for name in self.clinical if name not in gone)
        return replace(self, clinical=rest, left_out={**self.left_out, **gone}) if rest or self.images else self


def plan_of(table: Table, profile: Profile, given: Mapping[str, str], privileged: Sequence[str] = ()) -> Plan:
    """Decide what the columns are: as the options say, else by their names and contents.

    Args:
        table: the table.
        profile: of the table.
        given: columns by role, such as ``label``; an empty text means that there is none.
        privileged: columns that only the teacher may read.

    Raises:
        UserError: for an unknown column, or a table without a label or without anything to learn from.
    """
    columns = {column.name: column for column in profile.columns}
    for name in (*filter(None, given.values()), *privileged):
        if name not in columns:
            raise UserError(f"{table.file}: there is no column {name!r}{did_you_mean(name, columns, 'columns')}")
    roles = {
        "label": _named(columns, _LABEL),
        "subject": _named([name for name, one in columns.items() if _is_id(one, len(table))], _SUBJECT),
        "patient": _named(columns, _PATIENT),
        "split": _named([name for name, one in columns.items() if one.type == "split"], _SPLIT),
        "fold": _named(columns, _FOLD),
        "site": _named(columns, _SITE),
        "date": _named([name for name, one in columns.items() if one.type == "date"], _DATE),
        **given,
    }
    if not roles["label"]:
        raise UserError(
            f"{table.file}: no column has the name of a label; pass it with --label. {_candidates(columns)}"
        )
    if not roles["subject"] and not roles["patient"] and "subject" not in given:
        roles["subject"] = next((name for name, one in columns.items() if _like_ids(one, len(table))), "")
    if not roles["subject"] and roles["patient"] and _is_id(columns[roles["patient"]], len(table)):
        roles["subject"], roles["patient"] = roles["patient"], ""
    taken = {name for name in roles.values() if name}
    free = [column for name, column in columns.items() if name not in taken]
    images = tuple(column.name for column in free if column.type == "files" and _end(table, column.name, IMAGES))
    left_out = {
        column.name: reason for column in free if column.name not in images and (reason := _why_not(column, len(table)))
    }
    clinical = tuple(column.name for column in free if column.name not in {*images, *left_out})
    for name in privileged:
        if name not in clinical:
            raise UserError(f"--privileged {name!r}: it has another role, or {left_out.get(name, 'no usable values')}")
    if not images and not clinical:
        raise UserError(f"{table.file}: there is nothing to learn from: neither images, nor numbers or categories")
    labels = table.column(roles["label"])
    classes = _classes(table, columns[roles["label"]])
    patients = table.column(roles["patient"]) if roles["patient"] else list(map(str, range(len(labels))))
    known = [(label if classes else "", patient) for label, patient in zip(labels, patients, strict=True) if label]
    return Plan(
        **roles,
        images=images,
        pictures=tuple(name for name in images if _end(table, name, PICTURES)),
        clinical=clinical,
        privileged=tuple(name for name in clinical if name in privileged),
        left_out=left_out,
        classes=classes,
        unlabelled=len(labels) - len(known),
        patients=min(Counter(label for label, _ in set(known)).values()),
        gaps=tuple(roles[role] for role in ("split", "fold") if roles[role] and columns[roles[role]].missing),
        absent=(),
    )


def _classes(table: Table, label: ColumnProfile) -> tuple[str, ...]:
    """The classes; none if the label is a number to predict."""
    labels = [text for text in table.column(label.name) if text]
    if not labels:
        raise UserError(
            f"{table.file}: the label {label.name!r} is empty in all rows; name another column with --label"
        )
    names = tuple(sorted_names(labels))
    if _LEAST <= len(names) <= min(_MOST_CLASSES, max(_LEAST, len(labels) // 2)):
        return names
    if label.type == "number" and len(names) > _MOST_CLASSES and LIKE_IDS not in label.oddities:
        return ()
    raise UserError(
        f"{table.file}: the label {label.name!r} has {len(names)} different values in {len(labels)} rows; classes are "
        f"2 to {_MOST_CLASSES}. Name another column with --label. To predict numbers, write a recipe with "
        f"`task: {{use: regression, targets: [{label.name}]}}`"
    )


def _named(columns: Iterable[str], usual: Sequence[str]) -> str:
    """The column with the most usual name; empty if none has one."""
    plain = {re.sub(r"[\W_]", "", name).casefold(): name for name in reversed(list(columns))}
    return next((plain[name] for name in usual if name in plain), "")


def _is_id(column: ColumnProfile, rows: int) -> bool:
    return column.distinct == rows and not column.missing


def _like_ids(column: ColumnProfile, rows: int) -> bool:
    return _is_id(column, rows) and LIKE_IDS in column.oddities


def _end(table: Table, name: str, endings: tuple[str, ...]) -> bool:
    return all(text.lower().endswith(endings) for text in table.column(name) if text)


def _why_not(column: ColumnProfile, rows: int) -> str:
    """Why a column is not used; empty if it can be."""
    if column.type == "files":
        return "files of a kind that this command does not set up"
    if LIKE_IDS in column.oddities:
        return "ids: whole numbers with leading zeros"
    if column.distinct < _LEAST:
        return "it is empty" if not column.distinct else "it has a single value"
    if column.type == "category" and column.distinct > max(_LEAST, rows // 2):
        return "names that differ from row to row"
    return "" if column.type in _CLINICAL else f"{column.type}, not numbers or a few names"


def _candidates(columns: Mapping[str, ColumnProfile]) -> str:
    few = [name for name, one in columns.items() if _LEAST <= one.distinct <= _MOST_CLASSES and one.type in _CLINICAL]
    return f"Columns with few different values: {', '.join(map(repr, few))}" if few else "None has few different values"
