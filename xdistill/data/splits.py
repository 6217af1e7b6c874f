"""Split manifests: who is trained on and who is tested, once for every method of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from xdistill.data.file.layout import canonical
from xdistill.errors import LeakError, RunError

SPLITS_FORMAT = "xdistill-splits"
SPLITS_VERSION = 1


@dataclass(frozen=True)
class Split:
    """One fold of one repeat, as subject ids.

    Attributes:
        repeat: counts from 0.
        fold: counts from 0 within the repeat.
        train: subjects that networks and transforms learn from.
        validation: subjects that may choose the epoch; often none.
        test: subjects that are scored.

    Raises:
        LeakError: when a subject is in two of the parts, or twice in one.
    """

    repeat: int
    fold: int
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for subject in (*self.train, *self.validation, *self.test):
            if subject in seen:
                raise LeakError(f"repeat {self.repeat}, fold {self.fold}: subject {subject!r} is there twice")
            seen.add(subject)

    @property
    def name(self) -> str:
        """Such as ``r0-f3``."""
        return f"r{self.repeat}-f{self.fold}"

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return {
            "repeat": self.repeat,
            "fold": self.fold,
            "train": list(self.train),
            "validation": list(self.validation),
            "test": list(self.test),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Split:
        """The split that `to_json` wrote."""
        return cls(
            repeat=int(data["repeat"]),
            fold=int(data["fold"]),
            train=tuple(data["train"]),
            validation=tuple(data["validation"]),
            test=tuple(data["test"]),
        )


@dataclass(frozen=True)
class Splits:
    """All folds of all repeats.

    Attributes:
        splits: repeat by repeat, fold by fold.
        fingerprint: of the cohort they were made for.
    """

    splits: tuple[Split, ...]
    fingerprint: str

    def __iter__(self) -> Iterator[Split]:
        return iter(self.splits)

    def __len__(self) -> int:
        return len(self.splits)

    @property
    def hash(self) -> str:
        """SHA-256 (hexadecimal) of the assignments; the same hash means the same folds."""
        return sha256(canonical([split.to_json() for split in self.splits])).hexdigest()

    def fold(self, repeat: int, fold: int) -> Split:
        """One split.

        Raises:
            KeyError: when there is none of these numbers.
        """
        for split in self.splits:
            if (split.repeat, split.fold) == (repeat, fold):
                return split
        msg = f"no repeat {repeat}, fold {fold}"
        raise KeyError(msg)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; `Splits.from_json` reads it back."""
        return {
            "format": SPLITS_FORMAT,
            "format_version": SPLITS_VERSION,
            "cohort": self.fingerprint,
            "hash": self.hash,
            "splits": [split.to_json() for split in self.splits],
        }

    @classmethod
    def from_json(cls, data: Any) -> Splits:
        """The splits that `to_json` wrote.

        Raises:
            RunError: when they are no splits, of another format version, or were changed since.
        """
        if not isinstance(data, Mapping) or data.get("format") != SPLITS_FORMAT:
            raise RunError("these are no splits of xdistill; take the splits.json that the run wrote")
        if data.get("format_version") != SPLITS_VERSION:
            raise RunError(
                f"the splits have format version {data.get('format_version')}, and this xdistill reads version "
                f"{SPLITS_VERSION}; read them with the xdistill that made the run"
            )
        try:
            splits = cls(tuple(Split.from_json(split) for split in data["splits"]), str(data["cohort"]))
            written = data["hash"]
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"the splits cannot be read: {type(error).__name__}: {error}") from error
        if splits.hash != written:
            raise RunError("the splits were changed since the run wrote them: their hash differs; restore the file")
        return splits


def check_splits(
    splits: Splits, subjects: Sequence[str], patients: Sequence[str], *, everyone_tested: bool = True
) -> None:
    """Check that splits belong to these subjects, and that nothing leaks.

    Args:
        splits: what to check.
        subjects: of the cohort.
        patients: one a subject.
        everyone_tested: whether each subject has to be tested once a repeat, as in cross-validation; an official
            split tests some alone.

    Raises:
        LeakError: when subjects are missing or strangers, when a subject is not tested exactly once a repeat, or
            when a patient is on two sides.
    """
    patient_of = dict(zip(subjects, patients, strict=True))
    tested: dict[int, list[str]] = {}
    for split in splits:
        where = f"repeat {split.repeat}, fold {split.fold}"
        everyone = {*split.train, *split.validation, *split.test}
        if everyone != set(patient_of):
            stray = min(everyone ^ set(patient_of))
            raise LeakError(f"{where}: subject {stray!r} is not both in the split and in the cohort")
        sides = [{patient_of[subject] for subject in side} for side in (split.train, split.validation, split.test)]
        shared = (sides[0] & sides[1]) | (sides[0] & sides[2]) | (sides[1] & sides[2])
        if shared:
            raise LeakError(f"{where}: patient {min(shared)!r} is on two sides of the split")
        tested.setdefault(split.repeat, []).extend(split.test)
    for repeat, names in tested.items() if everyone_tested else ():
        if sorted(names) != sorted(patient_of):
            raise LeakError(f"repeat {repeat}: not every subject is tested exactly once")
