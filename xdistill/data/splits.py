"""Which subjects are for training, validation and testing; the same for every method of a comparison."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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
        repeat: from 0.
        fold: from 0 within the repeat.
        train: subjects on which networks and transforms are fitted.
        validation: subjects that select the best epoch; often none.
        test: subjects whose predictions are scored.

    Raises:
        LeakError: for a subject that occurs more than once.
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
                raise LeakError(f"{self.where}: subject {subject!r} occurs twice")
            seen.add(subject)

    @property
    def name(self) -> str:
        """Such as ``r0-f3``."""
        return f"r{self.repeat}-f{self.fold}"

    @property
    def where(self) -> str:
        """Such as ``repeat 0, fold 3``, for messages."""
        return f"repeat {self.repeat}, fold {self.fold}"

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
        splits: ordered by repeat, then by fold.
        fingerprint: of the cohort.
    """

    splits: tuple[Split, ...]
    fingerprint: str

    def __iter__(self) -> Iterator[Split]:
        return iter(self.splits)

    def __len__(self) -> int:
        return len(self.splits)

    @property
    def hash(self) -> str:
        """SHA-256 (hexadecimal) of the splits; equal hashes mean equal splits."""
        return sha256(canonical([split.to_json() for split in self.splits])).hexdigest()

    def fold(self, repeat: int, fold: int) -> Split:
        """One split.

        Raises:
            KeyError: for a repeat or fold that does not exist.
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
            RunError: for data that are not splits, have another format version, or were changed since.
        """
        if not isinstance(data, Mapping) or data.get("format") != SPLITS_FORMAT:
            raise RunError("not a file of splits; use the splits.json of a run")
        if data.get("format_version") != SPLITS_VERSION:
            raise RunError(
                f"the splits have format version {data.get('format_version')}; this version of xdistill reads version "
                f"{SPLITS_VERSION}. Use the version of xdistill that made the run"
            )
        try:
            splits = cls(tuple(Split.from_json(split) for split in data["splits"]), str(data["cohort"]))
            written = data["hash"]
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"the splits cannot be read: {type(error).__name__}: {error}") from error
        if splits.hash != written:
            raise RunError("the splits do not match their hash: the file was changed; restore it")
        return splits


def train_sizes(data: Mapping[str, Any]) -> dict[tuple[int, int], int]:
    """Number of labelled training subjects by repeat and fold, from the content of a run's ``splits.json``."""
    without = set(data.get("unlabelled", ()))
    return {
        (int(split["repeat"]), int(split["fold"])): sum(subject not in without for subject in split["train"])
        for split in data["splits"]
    }


def check_splits(
    splits: Splits,
    subjects: Sequence[str],
    patients: Sequence[str],
    *,
    unlabelled: Collection[str] = (),
    all_tested: bool = True,
) -> None:
    """Check that splits belong to these subjects and that no patient is in two parts of a split.

    Args:
        splits: what to check.
        subjects: of the cohort.
        patients: one per subject.
        unlabelled: subjects that may be in the training part or in none, and in no other.
        all_tested: whether each subject has to be tested once per repeat, as in cross-validation. An official split
            tests only some.

    Raises:
        LeakError: for missing or unknown subjects, a subject that is not tested exactly once per repeat, or a patient
            in two parts.
    """
    patient_of = dict(zip(subjects, patients, strict=True))
    known = set(patient_of) - set(unlabelled)
    tested: dict[int, list[str]] = {}
    for split in splits:
        wrong = {*split.validation, *split.test} & set(unlabelled)
        if wrong:
            raise LeakError(f"{split.where}: subject {min(wrong)!r} has no label, so it cannot be validated or tested")
        members = {*split.train, *split.validation, *split.test}
        if members - set(unlabelled) != known:
            differing = min((members - set(unlabelled)) ^ known)
            raise LeakError(f"{split.where}: subject {differing!r} is not both in the split and in the cohort")
        parts = [{patient_of[subject] for subject in part} for part in (split.train, split.validation, split.test)]
        shared = (parts[0] & parts[1]) | (parts[0] & parts[2]) | (parts[1] & parts[2])
        if shared:
            raise LeakError(f"{split.where}: patient {min(shared)!r} is in two parts of the split")
        tested.setdefault(split.repeat, []).extend(split.test)
    for repeat, names in tested.items() if all_tested else ():
        if sorted(names) != sorted(known):
            raise LeakError(f"repeat {repeat}: not every subject is tested exactly once")
