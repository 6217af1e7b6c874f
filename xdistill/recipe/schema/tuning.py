"""The search of `xdistill tune` in a recipe. Pure data: importing this loads neither torch nor Optuna."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from xdistill.recipe.schema.section import Named, Section
from xdistill.suggest import did_you_mean

SamplerName = Literal["tpe", "cmaes", "gp", "random", "grid"]
PrunerName = Literal["none", "median", "hyperband", "wilcoxon"]

TunePlace = tuple[str | int, ...]


class _OfOptuna(Named):
    """A component of Optuna by name, with its settings."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def settings(self) -> dict[str, Any]:
        """The settings alone."""
        return dict(self.model_extra or {})


class Sampler(_OfOptuna):
    """The sampler of Optuna, with its settings; a name alone, such as `tpe`, is enough."""

    use: SamplerName = Field(
        default="tpe",
        description="tpe: tree-structured Parzen estimator; cmaes: covariance matrix adaptation, for numbers; gp: "
        "Gaussian process; random; grid: every combination, in random order",
    )


class Pruner(_OfOptuna):
    """The pruner of Optuna, with its settings; a name alone, such as `median`, is enough."""

    use: PrunerName = Field(
        default="none",
        description="none; median: stop trials worse than the median of earlier trials at the same epoch; hyperband: "
        "successive halving over epochs; wilcoxon: stop trials significantly worse than the best one over the folds",
    )


class Search(Section):
    """The search range of one field: two bounds, or choices."""

    low: float | None = Field(default=None, description="lower bound")
    high: float | None = Field(default=None, description="upper bound")
    log: bool = Field(default=False, description="search on a logarithmic scale")
    step: Annotated[float, Field(gt=0)] | None = Field(default=None, description="step between values")
    int: bool = Field(default=False, description="integers only")
    choices: tuple[Any, ...] | None = Field(
        default=None, description="instead of low and high: values, or whole blocks such as another fusion"
    )
    when: dict[str, Any] = Field(
        default={},
        description="search this field only if other fields of the space have these values; a block may be given by "
        "the name of its component",
    )

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only fields that are set, since choices and bounds exclude each other."""
        plain: dict[str, Any] = handler(self)
        return {name: value for name, value in plain.items() if name in self.model_fields_set}


class Tune(Section):
    """The hyperparameter search of `xdistill tune`; ignored by `xdistill run`."""

    trials: Annotated[int, Field(ge=1)] = Field(default=30, description="trials per search")
    sampler: Sampler = Field(default=Sampler(), description="proposes settings")
    pruner: Pruner = Field(default=Pruner(), description="stops unpromising trials")
    folds: Annotated[int, Field(ge=2)] = Field(
        default=3, description="inner folds: a trial is the mean over this many trainings, on training subjects only"
    )
    metric: str = Field(
        default="auc_ovo", description="metric of the student on the inner test folds, which the search optimizes"
    )
    seed: int = Field(default=0, description="seed of the inner splits and of the sampler")
    space: Annotated[dict[str, Search], Field(min_length=1)] = Field(
        description="dotted fields of the recipe, such as `optimizer.lr`, with their search ranges"
    )


def space_problems(tune: Tune | None) -> Iterator[tuple[TunePlace, str]]:
    """What is wrong with a space whose fields are each valid by themselves: paths below `tune`, and messages."""
    if tune is None:
        return
    for name, search in tune.space.items():
        place = ("space", name)
        if not all(part for part in name.split(".")):
            yield place, f"invalid field name {name!r}; expected names with dots between them, such as `optimizer.lr`"
        if name.partition(".")[0] in _NOT_SEARCHED:
            yield place, f"`{name.partition('.')[0]}` cannot be searched: it is not a setting of the training"
        for rest, message in _search_problems(search):
            yield (*place, *rest), message
        if tune.sampler.use == "grid" and search.choices is None and search.step is None and not search.int:
            yield place, "the `grid` sampler needs the values to try; add `step`, `int: true` or `choices`"
        for rest, message in _condition_problems(name, search, tune.space):
            yield (*place, "when", *rest), message
    yield from _pruner_problems(tune)


_NOT_SEARCHED = frozenset(
    {"name", "description", "data", "test", "cache", "privileged", "crossval", "metrics", "executor", "trackers"}
    | {"control", "inferred", "tune", "compute"}
)


def _search_problems(search: Search) -> Iterator[tuple[TunePlace, str]]:
    numbers: dict[str, float | None] = {"low": search.low, "high": search.high}
    if search.choices is not None:
        others = [name for name in ("low", "high", "log", "step", "int") if name in search.model_fields_set]
        yield from (((name,), f"`{name}` cannot be combined with `choices`; leave it out") for name in others)
        yield from _choice_problems(search.choices)
        return
    missing = [name for name, value in numbers.items() if value is None]
    if missing:
        yield (), f"missing `{missing[0]}`; give a range, such as `{{low: 0.1, high: 1}}`, or `choices`"
        return
    low, high = search.low or 0.0, search.high or 0.0
    if low > high:
        yield ("low",), f"should be at most `high` ({high:g}), got {low:g}"
    if search.log and low <= 0:
        yield ("low",), f"should be greater than 0 because of `log: true`, got {low:g}"
    if search.log and search.step is not None:
        yield ("step",), "`step` cannot be combined with `log: true`; leave one of them out"
    for name, value in numbers.items():
        if search.int and value is not None and value != int(value):
            yield (name,), f"should be an integer because of `int: true`, got {value:g}"
    if search.int and search.step is not None and search.step != int(search.step):
        yield ("step",), f"should be an integer because of `int: true`, got {search.step:g}"


def _choice_problems(choices: tuple[Any, ...]) -> Iterator[tuple[TunePlace, str]]:
    if not choices:
        yield ("choices",), "should have at least 1 item, not 0"
    for index, value in enumerate(choices):
        if value in choices[:index]:
            yield ("choices", index), "duplicate choice"


def _condition_problems(name: str, search: Search, space: Mapping[str, Search]) -> Iterator[tuple[TunePlace, str]]:
    for other, value in search.when.items():
        condition = space.get(other)
        if condition is None:
            near = did_you_mean(other, [known for known in space if known != name], "fields")
            yield (other,), f"`{other}` is not in the search space{near}"
        elif condition.choices is None:
            yield (other,), f"`{other}` has no `choices`; a condition names one of them"
        elif not any(chosen(value, choice) for choice in condition.choices):
            yield (other,), f"should be one of the choices of `{other}`"
        elif circle := _circle(name, other, space):
            yield (other,), f"circular `when` condition: {' -> '.join(circle)}"


def _circle(name: str, other: str, space: Mapping[str, Search]) -> list[str]:
    """The fields from ``name`` over ``other`` back to ``name``, each with a condition on the next; empty if none."""
    previous = {other: name}
    waiting = [other]
    while waiting and name not in previous:
        field = waiting.pop()
        for condition in space[field].when if field in space else ():
            if condition not in previous:
                previous[condition] = field
                waiting.append(condition)
    if name not in previous:
        return []
    backwards = [name, previous[name]]
    while backwards[-1] != name:
        backwards.append(previous[backwards[-1]])
    return backwards[::-1]


def chosen(condition: Any, choice: Any) -> bool:
    """Whether a condition matches a choice: the same value, or the name of the component that a block uses.

    >>> chosen("concat", {"use": "concat", "hidden": 8}), chosen(1, True)
    (True, False)
    """
    if isinstance(choice, Mapping) and isinstance(condition, str):
        return bool(choice.get("use") == condition)
    return bool(type(condition) is type(choice) and condition == choice)


def _pruner_problems(tune: Tune) -> Iterator[tuple[TunePlace, str]]:
    threshold = tune.pruner.settings().get("p_threshold", 0.1)
    smallest = 0.5**tune.folds
    if tune.pruner.use == "wilcoxon" and isinstance(threshold, (int, float)) and smallest >= threshold:
        limit = f"the smallest p-value over {tune.folds} folds is {smallest:g}, not below `p_threshold` ({threshold:g})"
        yield ("pruner",), f"`wilcoxon` would never prune: {limit}; use more `folds` or another pruner"
