"""Names in a benchmark file that are unknown or ambiguous."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xdistill.bench.schema import RANKED, BenchmarkFile
from xdistill.recipe.yaml.nodes import TreePath
from xdistill.suggest import did_you_mean

# What a benchmark sets for all of its entries, so that they can be compared.
_SHARED = {"data": "data", "crossval": "crossval", "seed": "seeds"}


@dataclass(frozen=True)
class Misnamed:
    """Something that is wrong with a name.

    Attributes:
        place: in the file.
        message: what is wrong and what to do.
    """

    place: TreePath
    message: str


def misnamed(file: BenchmarkFile) -> Iterator[Misnamed]:
    """Everything that is wrong with the names of a file."""
    names = [entry.name for entry in file.entries]
    yield from _repeated(file, names)
    yield from _entries(file, names)
    yield from _unknown(("reference",), [file.reference], names)
    if file.reference in names and file.entries[names.index(file.reference)].track != RANKED:
        yield Misnamed(("reference",), f"the reference must be in the track `{RANKED}`, which is the ranked one")
    for field in ("student_alone", "teacher"):
        name = getattr(file, field)
        yield from _unknown((field,), [name] if name else [], names)
    if (file.student_alone is None) != (file.teacher is None):
        yield Misnamed((), "the gap is measured from `student_alone` to `teacher`: name both or neither")
    if file.crossval.single:
        what = "official split" if file.crossval.official else f"split with `by: {file.crossval.by}`"
        message = f"a comparison needs at least two splits, but there is one {what}; use folds and repeats"
        yield Misnamed(("crossval", "official" if file.crossval.official else "by"), message)
    yield from _fresh(file, names)
    yield from _expectations(file, names)
    if file.reported:
        for name in file.reported.rows:
            yield from _unknown(("reported", "rows", name), [name], names)


def _fresh(file: BenchmarkFile, names: list[str]) -> Iterator[Misnamed]:
    """Fields that mean nothing where cohorts are generated."""
    if file.fresh_test is None:
        return
    for field in ("crossval", "seeds", "trials", "teacher", "student_alone", "expect", "reported"):
        if field in file.model_fields_set:
            yield Misnamed((field,), f"`{field}` has no effect with `fresh_test`; remove one of the two")
    for index, entry in enumerate(file.entries):
        if entry.of:
            yield Misnamed(("entries", index, "of"), "with `fresh_test` every entry has a recipe of its own")
    if file.fresh_test.truth is not None and file.primary != "auc_ovo":
        message = f"`truth` is only for `primary: auc_ovo`, and not for {file.primary!r}; remove one of the two"
        yield Misnamed(("fresh_test", "truth"), message)
    yield from _unknown(("fresh_test", "oracle"), [file.fresh_test.oracle] if file.fresh_test.oracle else [], names)


def _repeated(file: BenchmarkFile, names: list[str]) -> Iterator[Misnamed]:
    for index, name in enumerate(names):
        # Folders of records are named after entries, and not every disk tells small letters from capitals.
        if name.lower() in [other.lower() for other in names[:index]]:
            yield Misnamed(("entries", index, "name"), f"two entries are named {name!r}; names must be unique")
    for index, seed in enumerate(file.seeds):
        if seed in file.seeds[:index]:
            yield Misnamed(("seeds", index), f"the seed {seed} occurs twice")


def _entries(file: BenchmarkFile, names: list[str]) -> Iterator[Misnamed]:
    with_recipe = {entry.name for entry in file.entries if entry.recipe}
    for index, entry in enumerate(file.entries):
        place = ("entries", index, "of")
        if entry.of and entry.of not in names:
            yield from _unknown(place, [entry.of], with_recipe)
        elif entry.of and entry.of not in with_recipe:
            yield Misnamed(place, f"the entry {entry.of!r} has no recipe of its own; name the one that has")
    places = [((), file.set), *((("entries", index), entry.set) for index, entry in enumerate(file.entries))]
    for where, changes in places:
        for name in changes:
            field = name.partition(".")[0]
            if field in _SHARED:
                yield Misnamed(
                    (*where, "set", name),
                    f"{field!r} is the same for all entries: the benchmark's `{_SHARED[field]}` sets it",
                )


def _expectations(file: BenchmarkFile, names: list[str]) -> Iterator[Misnamed]:
    ranked = [entry.name for entry in file.entries if entry.track == RANKED]
    for index, expect in enumerate(file.expect):
        fields = {
            "any_of": expect.any_of,
            "entry": (expect.entry,) if expect.entry else (),
            "against": (expect.against,),
        }
        for field, wanted in fields.items():
            yield from _unknown(("expect", index, field), wanted, names)
            for name in wanted:
                if name in names and name not in ranked:
                    yield Misnamed(("expect", index, field), f"{name!r} is not in the track `{RANKED}`")
        if expect.against in expect.entries:
            yield Misnamed(("expect", index, "against"), f"{expect.against!r} cannot be compared with itself")


def _unknown(place: TreePath, wanted: Iterable[str], names: Iterable[str]) -> Iterator[Misnamed]:
    known = list(names)
    for name in wanted:
        if name not in known:
            yield Misnamed(place, f"there is no entry {name!r}{did_you_mean(name, known)}")
