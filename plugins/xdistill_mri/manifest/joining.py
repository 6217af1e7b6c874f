"""Joins the rows of a further table to the subjects of a manifest, by id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from xdistill.untrusted import normal_id
from xdistill_mri.manifest.problems import Problems, near
from xdistill_mri.manifest.story import Story
from xdistill_mri.manifest.table import Table

_NAMED = 3  # lines that a message lists


@dataclass(frozen=True)
class Ids:
    """The column of ids of a further table.

    Attributes:
        table: the table.
        column: its name.
        setting: the table's entry in the recipe, for messages.
    """

    table: Table
    column: str
    setting: str


def joined(ids: Ids, subjects: Sequence[str], story: Story, problems: Problems) -> list[int] | None:
    """The row of each subject in a table, -1 for one that it lacks; None if they cannot be joined.

    Subjects without a row and rows without a subject are counted in the story.
    """
    table, column, setting = ids.table, ids.column, ids.setting
    if column not in table.header:
        problems.add(
            f"`{setting}`: {table.file.name} has no column {column!r} of ids; set `{setting}.subject`, "
            f"{near(column, table.header)}"
        )
        return None
    own, subjects = list(map(normal_id, table.column(column))), list(map(normal_id, subjects))
    twice = {name for name, count in Counter(filter(None, own)).items() if count > 1}
    if twice:
        lines = [str(line) for line, name in zip(table.numbers, own, strict=True) if name in twice]
        shown = ", ".join(lines[:_NAMED]) + (", …" if len(lines) > _NAMED else "")
        many = "1 id occurs" if len(twice) == 1 else f"{len(twice)} ids occur"
        problems.add(
            f"`{setting}`: {many} more than once in {table.file.name} (lines {shown}); keep one row per subject"
        )
        return None
    row_of = {name: place for place, name in enumerate(own) if name}
    places = [row_of.get(name, -1) for name in subjects]
    missing = places.count(-1)
    if missing == len(places):
        zeros = {name.lstrip("0") for name in row_of} & {name.lstrip("0") for name in subjects}
        hint = "; they differ in leading zeros, which a spreadsheet may have removed" if zeros else ""
        problems.add(f"`{setting}`: no id of {table.file.name} is a subject of the cohort{hint}")
        return None
    orphans = len(set(row_of).difference(subjects))
    if missing:
        story.notes.append(f"{setting}: {missing} of {len(places)} subjects have no row in {table.file.name}")
    if orphans:
        story.notes.append(f"{setting}: {orphans} of {len(row_of)} rows of {table.file.name} belong to no subject")
    return places
