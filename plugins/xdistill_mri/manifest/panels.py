"""Vector modalities of a manifest: columns of the table, or of other files that are joined by id."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xdistill.tables import Reading, habits_of
from xdistill.types import ColumnSpec
from xdistill_mri.manifest.cells import PanelSettings
from xdistill_mri.manifest.clinical import ClinicalColumn, Look, read_column
from xdistill_mri.manifest.config import ClinicalSettings, ManifestConfig
from xdistill_mri.manifest.joining import Ids, joined
from xdistill_mri.manifest.problems import Problems, near
from xdistill_mri.manifest.story import Story
from xdistill_mri.manifest.table import Table, open_table


@dataclass(frozen=True)
class Panel:
    """One vector modality.

    Attributes:
        columns: of the vector.
        values: one vector per row of the main table; None for a row without the modality.
        readings: how its columns are read.
    """

    columns: tuple[ColumnSpec, ...]
    values: tuple[tuple[float, ...] | None, ...]
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class ReadingOf:
    """What reading a manifest takes with it.

    Attributes:
        config: its settings.
        story: what was detected.
        problems: what is wrong.
    """

    config: ManifestConfig
    story: Story
    problems: Problems


def read_panels(table: Table, subjects: Sequence[str], clinical: Sequence[str], reading: ReadingOf) -> dict[str, Panel]:
    """Read the vector modalities of a manifest, and tell how.

    Args:
        table: the main table.
        subjects: ids of its rows.
        clinical: its columns of the modality `clinical`.
        reading: settings, what is found, and what is wrong.
    """
    config = reading.config
    reading.story.tell_file(table)
    found: dict[str, Panel] = {}
    if config.clinical is not None and clinical:
        chosen = config.clinical.include is not None
        look = _look(table, clinical, config.clinical, "clinical", config)
        found[config.clinical.name] = _panel(table, clinical, look, reading, chosen=chosen)
    for name, settings in config.tables.items():
        panel = _further(table, subjects, name, settings, reading)
        if panel is not None:
            found[name] = panel
    return {name: panel for name, panel in found.items() if panel.columns}


def files_of(main: Path, config: ManifestConfig) -> list[Path]:
    """The further files that a manifest names, without those that are named twice."""
    named = [main.parent / settings.path for settings in config.tables.values() if settings.path is not None]
    return [file for file in dict.fromkeys(named) if file != main]


def _look(table: Table, names: Sequence[str], settings: ClinicalSettings, setting: str, config: ManifestConfig) -> Look:
    habits = habits_of(set(table.column(name)) for name in names) if config.reading == "auto" else None
    return Look(settings, setting, habits, frozenset(config.not_missing))


def _panel(table: Table, names: Sequence[str], look: Look, reading: ReadingOf, *, chosen: bool) -> Panel:
    modality, story, problems = look.settings.name, reading.story, reading.problems
    columns: list[ClinicalColumn] = []
    for name in names:
        found = look.reading(table, name)
        if found.left_out and not chosen:
            story.leave_out(modality, name, _why(found.left_out, look))
        elif found.left_out:
            problems.add(f"the column {name!r} {_why(found.left_out, look)}")
        elif name != look.settings.since:
            columns += read_column(table, found, look, problems)
    readings = tuple({column.reading.name: column.reading for column in columns}.values())
    story.tell_columns(modality, readings)
    if problems:
        return Panel(tuple(column.spec for column in columns), (), readings)
    rows = list(zip(*(column.values for column in columns), strict=True)) if columns else []
    base = [place for place, column in enumerate(columns) if column.spec.name == column.reading.name]
    kept = tuple(row if _items(row, base) >= look.settings.min_items else None for row in rows)
    absent = kept.count(None)
    if absent:
        story.notes.append(
            f"{modality}: {absent} of {len(kept)} rows have fewer than {look.settings.min_items} items, and lack it"
            if look.settings.min_items > 1
            else f"{modality}: {absent} of {len(kept)} rows have no item, and lack it"
        )
    return Panel(tuple(column.spec for column in columns), kept, readings)


def _items(row: Sequence[float], places: Sequence[int]) -> int:
    return sum(not math.isnan(row[place]) for place in places)


def _why(left_out: str, look: Look) -> str:
    if not left_out.startswith("holds dates"):
        return f"{left_out}, not clinical values"
    return f"{left_out}; days are made of them with `{look.setting}.since`, the column of the reference date"


def _further(
    main: Table, subjects: Sequence[str], modality: str, settings: PanelSettings, reading: ReadingOf
) -> Panel | None:
    """The modality of one entry of `tables`."""
    setting, config = f"tables.{modality}", reading.config
    if settings.path is None or main.file.parent / settings.path == main.file:
        table, column = main, ""
        places: list[int] | None = list(range(len(main)))
    else:
        table = open_table(main.file.parent / settings.path, settings, config, setting=f"data.{setting}.path")
        column = settings.subject or config.columns.subject or ""
        reading.story.tell_file(table)
        places = joined(Ids(table, column, setting), subjects, reading.story, reading.problems)
    names = _columns(table, column, settings, setting, reading.problems)
    if places is None or not names:
        return None
    same = {
        name: getattr(settings, name) for name in PanelSettings.model_fields if name in ClinicalSettings.model_fields
    }
    look = _look(table, names, ClinicalSettings.model_validate({**same, "name": modality}), setting, config)
    panel = _panel(table, names, look, reading, chosen=settings.columns is not None)
    if not panel.values:
        return panel
    return Panel(panel.columns, tuple(panel.values[place] if place >= 0 else None for place in places), panel.readings)


def _columns(table: Table, ids: str, settings: PanelSettings, setting: str, problems: Problems) -> tuple[str, ...]:
    if settings.columns is None:
        if not ids:
            problems.add(f"`{setting}.columns` is missing: name the columns of this table that make the modality")
            return ()
        return tuple(name for name in table.header if name != ids and name not in settings.exclude)
    for name in settings.columns:
        if name not in table.header:
            problems.add(f"unknown column {name!r} ({setting}.columns); {near(name, table.header)}")
    return tuple(name for name in settings.columns if name in table.header and name not in settings.exclude)


def complete_rows(present: Sequence[Mapping[str, bool]], reading: ReadingOf) -> list[int]:
    """The rows that have every required modality and kept column.

    Adds a problem for unknown names, and if no subject is left.

    Args:
        present: by row, and modality or kept column.
        reading: takes a note of how many are left out.
    """
    kept = list(range(len(present)))
    for name in reading.config.require:
        if present and name not in present[0]:
            reading.problems.add(f"unknown modality or kept column {name!r} (require); {near(name, present[0])}")
            continue
        having = [row for row in kept if present[row][name]]
        if len(having) < len(kept):
            reading.story.notes.append(f"{len(kept) - len(having)} subjects without {name!r} are left out (`require`)")
        kept = having
    if not kept:
        reading.problems.add("no subject has all that `require` names")
    return kept
