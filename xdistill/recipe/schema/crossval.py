"""How a cohort is split: at random, or as a column, files of ids, sites or dates say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from xdistill.recipe.schema.section import Grown, Section

By = Literal["split", "fold", "site", "date", "files"]
_Words = tuple[str, ...]
_ONCE = frozenset({"split", "date", "files"})
_OF_FIELD: Mapping[str, tuple[str, ...]] = {
    "column": ("split", "fold", "site", "date"),
    "words": ("split",),
    "tested": ("fold", "site"),
    "since": ("date",),
    "files": ("files",),
}


class SplitWords(Section):
    """Words of a split column; upper and lower case are the same."""

    train: _Words = Field(default=("train", "training"), description="words of training subjects")
    validation: _Words = Field(
        default=("val", "valid", "validation", "dev"), description="words of subjects that select the best epoch"
    )
    test: _Words = Field(default=("test", "testing", "holdout"), description="words of test subjects")

    @model_validator(mode="after")
    def _one_part_each(self) -> SplitWords:
        words = [word.casefold() for part in (self.train, self.validation, self.test) for word in part]
        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            message = "the word '{word}' stands for two parts; list the words of all parts"
            raise PydanticCustomError("word_of_two_parts", message, {"word": twice[0]})
        return self


class SplitFiles(Section):
    """Files with one subject id per line; relative to the recipe file, or else to the working folder."""

    train: str | None = Field(default=None, description="ids of training subjects; null: all that no other file names")
    validation: str | None = Field(
        default=None, description="ids of subjects that select the best epoch; null: see `crossval.validation`"
    )
    test: str = Field(description="ids of test subjects")


class Crossval(Grown):
    """Repeated, stratified, grouped cross-validation, or splits that are given."""

    added = frozenset({"official", "by", *_OF_FIELD})

    folds: Annotated[int, Field(ge=2)] = Field(default=5, description="folds per repeat")
    repeats: Annotated[int, Field(ge=1)] = Field(default=1, description="number of repeats, each with new splits")
    stratify: bool = Field(default=True, description="preserve the class proportions in each fold")
    seed: int = Field(default=0, description="seed of the splits")
    validation: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="fraction of the training subjects held out to select the best epoch; 0: use the last epoch",
    )
    official: bool = Field(
        default=False,
        description="use the official training and test split of the data set as the only fold, instead of "
        "cross-validation; `folds` and `stratify` are then ignored",
    )
    by: By | None = Field(
        default=None,
        description="use given splits. split: a column names the part of each subject; fold: a column names the fold "
        "that tests it; site: each site is tested by networks trained on all others; date: train before a date, test "
        "from it on; files: files of ids. `folds` and `stratify` are then ignored. null: folds drawn at random",
    )
    column: str | None = Field(
        default=None, description="column that the data set keeps; null: the one named as `by` (`split`, `site`, …)"
    )
    words: SplitWords | None = Field(
        default=None, description="`by: split`: the words of the column; null: train, val, test and the like"
    )
    tested: Annotated[_Words, Field(min_length=1)] | None = Field(
        default=None,
        description="`by: site` or `by: fold`: the values that are tested in turn, such as large sites; all others are "
        "always trained on. null: every value",
    )
    since: str | None = Field(
        default=None, description="`by: date`: the first date of the test part, such as 2019-01-31"
    )
    files: SplitFiles | None = Field(default=None, description="`by: files`: the files")

    @field_validator("official")
    @classmethod
    def _once(cls, official: bool, info: ValidationInfo) -> bool:
        if official and info.data.get("repeats", 1) > 1:
            raise PydanticCustomError(
                "official_once",
                "there is only one official split, so `crossval.repeats` must be 1; vary `seed` to repeat the training",
            )
        return official

    @field_validator("tested", mode="before")
    @classmethod
    def _number_words(cls, value: Any) -> Any:
        """Values of columns are texts; in YAML, 0 and 1 are numbers."""
        if isinstance(value, (list, tuple)):
            return tuple(str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in value)
        return value

    @field_validator("since", mode="after")
    @classmethod
    def _a_date(cls, value: str | None) -> str | None:
        try:
            datetime.fromisoformat(value or "2000-01-01")
        except ValueError:
            raise PydanticCustomError("date", "write the date as year-month-day, such as 2019-01-31") from None
        return value

    @model_validator(mode="after")
    def _fits(self) -> Crossval:
        given = {name for name in _OF_FIELD if getattr(self, name) is not None}
        for name in sorted(given):
            if self.by not in _OF_FIELD[name]:
                choices = " or ".join(f"`by: {by}`" for by in _OF_FIELD[name])
                raise PydanticCustomError(
                    "field_of_split",
                    "`{name}` belongs to {choices}",
                    {"name": name, "choices": choices, "place": (name,)},
                )
        if self.by is None:
            return self
        if self.official or self.repeats > 1:
            name = "official" if self.official else "repeats"
            message = "the splits are given by `by: {by}`; leave `{name}` out" + (
                "" if self.official else ", and vary `seed` to repeat the training"
            )
            raise PydanticCustomError("given_once", message, {"by": self.by, "name": name, "place": (name,)})
        for by, name in (("date", "since"), ("files", "files")):
            if self.by == by and name not in given:
                raise PydanticCustomError(
                    "split_needs", "`by: {by}` needs `{name}`", {"by": by, "name": name, "place": ("by",)}
                )
        return self

    @property
    def given(self) -> bool:
        """Whether the splits are not drawn at random."""
        return self.official or self.by is not None

    @property
    def single(self) -> bool:
        """Whether there is one training and one test part, and nothing else."""
        return self.official or self.by in _ONCE or (self.tested is not None and len(set(self.tested)) == 1)

    @property
    def tests_all(self) -> bool:
        """Whether every subject is tested once per repeat."""
        return not self.single and self.tested is None

    @property
    def read_column(self) -> str:
        """The column of the cohort that says how it is split; empty if none does."""
        return "" if self.by in {None, "files"} else self.column or str(self.by)

    def complete(self) -> dict[str, Any]:
        """All fields, those at their defaults included, to be merged into other settings."""
        defaults = {name: type(self).model_fields[name].default for name in sorted(self.added)}
        return {**defaults, **self.model_dump(mode="json")}

    def describe(self) -> str:
        """How the cohort is split, in a few words."""
        texts = {
            None: f"{self.repeats} x {self.folds} folds",
            "split": f"given by the column `{self.read_column}`",
            "fold": f"folds given by the column `{self.read_column}`",
            "site": f"one site left out at a time, by the column `{self.read_column}`",
            "date": f"trained before {self.since} and tested from then on, by the column `{self.read_column}`",
            "files": "given by files of ids",
        }
        return "official" if self.official else texts[self.by]
