"""What a benchmark file holds. Pure data: importing this loads neither torch nor a plugin."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from xdistill.bench.fresh.schema import FreshTest
from xdistill.recipe.schema.crossval import Crossval
from xdistill.recipe.schema.recipe import Block
from xdistill.recipe.schema.section import Section

FORMAT = "xdistill-benchmark"
RANKED = "student"  # the track that is ranked
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_-]*$"

MetricName = Literal[
    "auc_ovo",
    "f1_macro",
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "mae",
    "rmse",
    "r2",
    "pearson",
    "qwk",
    "grade_mae",
    "grade_accuracy",
    "label_auc",
    "exact_match",
    "label_brier",
    "concordance",
]
Outcome = Literal["better", "not_better"]


class Entry(Section):
    """One method: a recipe that is run, or a role of another entry's run."""

    name: str = Field(pattern=NAME, description="letters, digits, `_` and `-`; also the folder of its record")
    title: str = Field(default="", description="its name in tables; empty: `name`")
    recipe: str = Field(
        default="", description="a recipe file, relative to this one, or the name of a bundled recipe such as `mvi_hcc`"
    )
    of: str = Field(default="", description="instead of a recipe: the entry whose run is used")
    role: Literal["student", "teacher"] = Field(default="student", description="the network that is scored")
    profile: str | None = Field(default=None, description="of the recipe; null: the benchmark's")
    set: dict[str, Any] = Field(default={}, description="changes of the recipe by dotted field, after the benchmark's")
    track: Literal["student", "privileged", "control"] = Field(
        default="student",
        description="entries are compared within a track; `student` is the ranked one, `privileged` sees at test time "
        "what students do not, `control` is not a method",
    )
    distilled: bool = Field(default=False, description="whether the share of the gap that it closed is computed")

    @property
    def source(self) -> str:
        """The entry whose run holds the predictions."""
        return self.of or self.name

    @model_validator(mode="after")
    def _recipe_or_other(self) -> Entry:
        if bool(self.recipe) == bool(self.of):
            raise PydanticCustomError("recipe_or_of", "an entry has either `recipe` or `of`", {"place": ()})
        if self.of and (self.profile is not None or self.set):
            raise PydanticCustomError(
                "set_of_other", "an entry that uses the run of another entry has neither `profile` nor `set`", {}
            )
        return self


class ReportedScore(Section):
    """A number that a publication prints, in percent."""

    mean: Annotated[float, Field(ge=0, le=100)] = Field(description="as printed, in percent")
    sd: Annotated[float, Field(ge=0)] | None = Field(default=None, description="standard deviation as printed")


class ReportedRows(Section):
    """What a publication reports; shown next to what is reproduced, and never ranked with it."""

    source: str = Field(min_length=1, description="the publication, and on what cohort it worked")
    rows: dict[str, dict[MetricName, ReportedScore]] = Field(description="scores by entry and metric")


class Expect(Section):
    """What a control has to show."""

    entry: str = Field(default="", description="the entry that is meant")
    any_of: tuple[str, ...] = Field(default=(), description="instead of `entry`: one of these at least")
    against: str = Field(description="the entry it is compared with")
    outcome: Outcome = Field(
        description="`better`: higher by the primary metric with a Holm-adjusted p below 0.05; `not_better`: not that"
    )

    @property
    def entries(self) -> tuple[str, ...]:
        """The entries of which one at least has to show the outcome."""
        return self.any_of or (self.entry,)

    @model_validator(mode="after")
    def _one_or_any(self) -> Expect:
        if bool(self.entry) == bool(self.any_of):
            raise PydanticCustomError("entry_or_any", "an expectation has either `entry` or `any_of`", {})
        return self


class BenchmarkFile(Section):
    """A benchmark: many methods on one cohort and the same splits."""

    format: Literal["xdistill-benchmark"] = Field(description="what kind of file this is")
    version: Literal[1] = Field(description="of the format")
    name: str = Field(pattern=NAME, description="letters, digits, `_` and `-`; also the folder of its records")
    title: str = Field(default="", description="one line; empty: the name")
    description: str = Field(default="", description="free text")
    data: Block = Field(description="the cohort of all entries, in place of what their recipes name")
    crossval: Crossval = Field(default=Crossval(), description="how the cohort is split, in place of the recipes' own")
    fresh_test: FreshTest | None = Field(
        default=None,
        description="generate many cohorts and test on fresh subjects, in place of `crossval`; for data sets whose "
        "subjects are generated",
    )
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = Field(
        default=(0,), description="every entry is run with each; scores are averaged over them within a split"
    )
    trials: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="tune every entry whose recipe has a search space, within each outer split and with this "
        "number of trials; null: recipes are run as they are",
    )
    profile: str | None = Field(default=None, description="of the recipes, for entries that name none")
    set: dict[str, Any] = Field(default={}, description="changes of every entry's recipe, by dotted field")
    reference: str = Field(description="the entry that all others are compared with")
    primary: MetricName = Field(
        default="auc_ovo",
        description="the metric that ranks; by default that of the task, for another one than classification",
    )
    metrics: tuple[MetricName, ...] = Field(
        default=("auc_ovo", "f1_macro", "accuracy"),
        description="the metrics that tables show; by default, of two classes `sensitivity`, `specificity`, `ppv` and "
        "`npv` in place of `f1_macro`",
    )
    student_alone: str | None = Field(
        default=None, description="the entry without a teacher, from which the gap to the teacher is measured"
    )
    teacher: str | None = Field(default=None, description="the entry to which the gap is measured")
    entries: Annotated[tuple[Entry, ...], Field(min_length=1)] = Field(description="the methods")
    reported: ReportedRows | None = Field(default=None, description="what a publication reports")
    expect: tuple[Expect, ...] = Field(default=(), description="what the benchmark has to show if it is a control")

    @property
    def shown_metrics(self) -> tuple[MetricName, ...]:
        """The metrics of tables, the primary first."""
        return (self.primary, *(metric for metric in self.metrics if metric != self.primary))
