"""What a benchmark on generated cohorts says. Pure data."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from xdistill.recipe.schema.section import Section

LEAST: Final = 10
"""Number of cohorts from which `half_width` believes the width of an interval."""
SCORES: Final = "scores.csv"
"""The file with the scores of all cohorts."""
_Train = Annotated[int, Field(ge=3)]
_Cohorts = Annotated[int, Field(ge=2)]


class FreshTest(Section):
    """Generated cohorts, each with training subjects and fresh test subjects of its own, in place of folds."""

    subjects: Annotated[int, Field(ge=3)] = Field(description="test subjects of every cohort")
    train: Annotated[tuple[_Train, ...], Field(min_length=1)] = Field(
        description="numbers of training subjects; the methods are compared at each"
    )
    cohorts: _Cohorts | tuple[_Cohorts, ...] = Field(
        description="independent cohorts, one number or one for each number of training subjects"
    )
    half_width: Annotated[float, Field(ge=0.001, allow_inf_nan=False)] | None = Field(
        default=None,
        description="in points of the primary metric: an entry is trained on more cohorts until the 95 % interval of "
        "its gain reaches at most this far to each side; `cohorts` is then the largest number, and 10 the smallest",
    )
    vary: dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]] = Field(
        default={}, description="one setting of the data set with its values; the methods are compared at each"
    )
    oracle: str | None = Field(default=None, description="the entry with the best possible teacher; drawn as a bound")
    truth: str | None = Field(
        default=None,
        description="modality with the true logits of the classes; each test subject then counts as every class by its "
        "probability, so that scores vary less than with drawn labels; only for `primary: auc_ovo`",
    )
    seed: int = Field(default=0, description="of all cohorts; another seed generates other cohorts")

    @model_validator(mode="after")
    def _one_number_for_each(self) -> FreshTest:
        if isinstance(self.cohorts, tuple) and len(self.cohorts) != len(self.train):
            raise PydanticCustomError(
                "cohorts_of_train",
                "`cohorts` has {found} numbers and `train` {wanted}; write one for each, or a single one",
                {"found": len(self.cohorts), "wanted": len(self.train)},
            )
        if self.half_width is not None and min(cohorts for _, cohorts in self.numbers) < LEAST:
            raise PydanticCustomError(
                "cohorts_least", "with `half_width`, `cohorts` is at least {least}", {"least": LEAST}
            )
        if len(set(self.train)) < len(self.train):
            raise PydanticCustomError("train_twice", "a number of training subjects stands in `train` twice", {})
        if len(self.vary) > 1:
            raise PydanticCustomError("vary_one", "`vary` names one setting of the data set, and not several", {})
        return self

    @property
    def numbers(self) -> tuple[tuple[int, int], ...]:
        """Training subjects and cohorts, pair by pair."""
        cohorts = self.cohorts if isinstance(self.cohorts, tuple) else (self.cohorts,) * len(self.train)
        return tuple(zip(self.train, cohorts, strict=True))
