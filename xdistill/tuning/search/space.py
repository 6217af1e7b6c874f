"""The space of a search: what is proposed for each field, and what of it a recipe gets to see."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from xdistill.recipe.schema.tuning import Search, chosen

if TYPE_CHECKING:
    from optuna import Trial

Space = Mapping[str, Search]
Label = str | int | float | bool | None  # what Optuna keeps of a choice
Params = Mapping[str, Any]  # by field, as Optuna keeps them

MOST_POINTS = 100_000  # of a grid; more are a mistake


def in_order(space: Space) -> tuple[str, ...]:
    """The fields, each after those that it depends on."""
    done: dict[str, None] = {}
    while len(done) < len(space):
        ready = [name for name, search in space.items() if name not in done and search.when.keys() <= done.keys()]
        if not ready:
            break  # circular, which the recipe's checks report
        done.update(dict.fromkeys(ready))
    return tuple(done)


def labels(search: Search) -> tuple[Label, ...]:
    """What Optuna calls the choices of a field: scalars are themselves, blocks that only name a component that name."""
    return tuple(_label(choice) for choice in search.choices or ())


def choice_of(search: Search, label: Any) -> Any:
    """The choice that a label stands for; a number stands for itself."""
    if search.choices is None:
        return label
    known = labels(search)
    return next(choice for choice, name in zip(search.choices, known, strict=True) if _same(name, label))


def is_active(search: Search, params: Params, space: Space) -> bool:
    """Whether a field is searched, given what is proposed for the fields that it depends on."""
    return all(
        other in params and chosen(wanted, choice_of(space[other], params[other]))
        for other, wanted in search.when.items()
    )


def suggest(trial: Trial, space: Space) -> dict[str, Any]:
    """Ask for a value of every field that counts; by field, as Optuna keeps them."""
    params: dict[str, Any] = {}
    for name in in_order(space):
        search = space[name]
        if is_active(search, params, space):
            params[name] = _suggested(trial, name, search)
    return params


def values_of(params: Params, space: Space) -> dict[str, Any]:
    """By field, what the recipe gets; in an order in which later ones may refine earlier ones."""
    found = {name: choice_of(space[name], params[name]) for name in in_order(space) if name in params}
    return dict(sorted(found.items(), key=lambda item: item[0].count(".")))


def grid(space: Space) -> Iterator[dict[str, Any]]:
    """Every combination, as Optuna keeps them; fields that do not count in a combination are not in it."""
    yield from _grid(space, in_order(space), {})


def points(search: Search) -> tuple[Any, ...]:
    """Every value of a field that has a finite number of them, as Optuna keeps them."""
    if search.choices is not None:
        return labels(search)
    step = search.step or 1.0
    count = int((_high(search) - _low(search)) / step + 1e-9) + 1
    values = [_low(search) + index * step for index in range(min(count, MOST_POINTS + 1))]
    return tuple(int(value) if search.int else value for value in values)


def _grid(space: Space, names: tuple[str, ...], params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not names:
        yield dict(params)
        return
    name, *rest = names
    if not is_active(space[name], params, space):
        yield from _grid(space, tuple(rest), params)
        return
    for value in points(space[name]):
        yield from _grid(space, tuple(rest), {**params, name: value})


def _suggested(trial: Trial, name: str, search: Search) -> Any:
    if search.choices is not None:
        return trial.suggest_categorical(name, labels(search))
    low, high = _low(search), _high(search)
    if search.int:
        return trial.suggest_int(name, int(low), int(high), step=int(search.step or 1), log=search.log)
    return trial.suggest_float(name, low, high, step=search.step, log=search.log)


def _low(search: Search) -> float:
    return search.low if search.low is not None else 0.0


def _high(search: Search) -> float:
    return search.high if search.high is not None else 0.0


def _label(choice: Any) -> Label:
    if choice is None or isinstance(choice, (str, int, float, bool)):
        return choice
    return json.dumps(choice, ensure_ascii=False)


def _same(name: Label, label: Any) -> bool:
    return name == label and isinstance(name, bool) == isinstance(label, bool)
