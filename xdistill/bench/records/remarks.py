"""What a reader of records should know, and only training them again can decide: by which versions they were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdistill.bench.records.record import Record


def remarks(records: Sequence[Record]) -> Iterator[str]:
    """About versions that differ between records, and about records that carry no checksum of themselves."""
    for names, text in differing({_name(record): record.facts["versions"] for record in records}):
        yield (
            f"{', '.join(names)}: made with {text}. Results of other versions may differ; only --replay shows whether "
            f"versions are those that the record states"
        )
    bare = [_name(record) for record in records if "sha256" not in record.facts]
    if bare:
        yield (
            f"{', '.join(bare)}: without a checksum, as versions before 0.3 wrote records; a change of versions, "
            f"machine or times would not be noticed"
        )


def differing(versions: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[list[str], str]]:
    """Who was made by other versions than most, and by which, as ``torch 2.14.0 (others: 2.13.0)``.

    Args:
        versions: by name of the record, then of the package. A package counts where at least one other record has it.
    """
    packages = dict.fromkeys(package for made_by in versions.values() for package in made_by)
    usual = {
        package: Counter(made_by[package] for made_by in versions.values() if package in made_by).most_common(1)[0][0]
        for package in packages
    }
    found: dict[str, list[str]] = {}
    for name, made_by in versions.items():
        others = {package: one for package, one in made_by.items() if one != usual[package]}
        text = ", ".join(f"{package} {one} (others: {usual[package]})" for package, one in others.items())
        if text:
            found.setdefault(text, []).append(name)
    for text, names in found.items():
        yield names, text


def _name(record: Record) -> str:
    return f"{record.entry}, seed {record.seed}" if record.seed else record.entry
