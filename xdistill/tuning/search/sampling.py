"""Samplers and pruners of Optuna by name, with the settings that the recipe gives them."""

from __future__ import annotations

import inspect
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from xdistill.recipe.schema.tuning import Tune
from xdistill.suggest import did_you_mean
from xdistill.training.seeds import derive
from xdistill.tuning.search.space import MOST_POINTS, grid

SAMPLERS: Mapping[str, type[BaseSampler]] = {
    "tpe": TPESampler,
    "cmaes": CmaEsSampler,
    "gp": GPSampler,
    "random": RandomSampler,
}
PRUNERS: Mapping[str, type[BasePruner]] = {
    "none": NopPruner,
    "median": MedianPruner,
    "hyperband": HyperbandPruner,
    "wilcoxon": WilcoxonPruner,
}
_OURS = frozenset({"self", "seed", "search_space", "independent_sampler", "source_trials"})
_SEED_BITS = 31  # what Optuna's samplers take


class PointSampler(BaseSampler):
    """Proposes one point of a grid.

    Optuna's grids count trials that died as done, and know no fields that depend on others; here the caller says which
    point it is.
    """

    def __init__(self, point: Mapping[str, Any]) -> None:
        self.point = point

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing is proposed together."""
        del study, trial
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing is proposed together."""
        del study, trial, search_space
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The point's value."""
        del study, trial, param_distribution
        return self.point[param_name]


@contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's log, and without its warnings of what is experimental."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module="optuna")
            warnings.filterwarnings("ignore", message=".*is not divisible by.*")
            yield
    finally:
        optuna.logging.set_verbosity(before)


def sampler_for(
    tune: Tune, taken: Sequence[FrozenTrial], *, search: str = "", crowded: bool = False
) -> BaseSampler | None:
    """What proposes the next trial; None when a grid is used up.

    It is created for each trial, with a seed of the trial's index in the search. So a resumed search
    proposes what it would have proposed, as long as one worker is at it.

    Args:
        tune: the search.
        taken: trials that count, and those that are running.
        search: its name; each has a seed of its own.
        crowded: whether other workers are at it too.
    """
    if tune.sampler.use == "grid":
        return _next_point(tune, taken)
    settings = tune.sampler.settings()
    if tune.sampler.use == "tpe" and crowded:
        settings = {"constant_liar": True, **settings}
    seed = derive(tune.seed, "sampler", search, len(taken)) % 2**_SEED_BITS
    return SAMPLERS[tune.sampler.use](seed=seed, **_without_warnings(tune), **settings)  # type: ignore[call-arg]


def pruner_for(tune: Tune, epochs: int) -> BasePruner:
    """What prunes trials; ``epochs`` are those of a whole trial, all its inner folds together."""
    settings = tune.pruner.settings()
    if tune.pruner.use == "hyperband":
        settings = {"max_resource": epochs, **settings}
    return PRUNERS[tune.pruner.use](**settings)


def search_problems(tune: Tune, epochs: int) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with the settings of sampler and pruner: places below `tune`, and messages."""
    if tune.sampler.use == "grid":
        for name in tune.sampler.settings():
            yield ("sampler", name), "a grid has no settings"
        if sum(1 for _ in zip(grid(tune.space), range(MOST_POINTS + 1), strict=False)) > MOST_POINTS:
            yield ("space",), f"the grid has more than {MOST_POINTS:,} points; take larger steps, or another sampler"
    found = list(_sampler_setting_problems(tune))
    yield from found or _refusals("sampler", lambda: sampler_for(tune, ()))
    found = list(_setting_problems("pruner", PRUNERS[tune.pruner.use], tune.pruner.settings()))
    yield from found or _refusals("pruner", lambda: pruner_for(tune, epochs))


def _refusals(place: str, make: Callable[[], Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What Optuna says when it is made with these settings."""
    try:
        make()
    except (TypeError, ValueError, AssertionError) as error:
        yield (place,), f"Optuna rejects these settings: {error}"
    except ModuleNotFoundError as error:
        yield (place,), f"needs the package {error.name}; run `pip install 'xdistill[tune]'`"


def _sampler_setting_problems(tune: Tune) -> Iterator[tuple[tuple[str, ...], str]]:
    if tune.sampler.use == "grid":
        return iter(())
    return _setting_problems("sampler", SAMPLERS[tune.sampler.use], tune.sampler.settings())


def _setting_problems(
    place: str, component: type[Any], settings: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], str]]:
    known = [name for name in inspect.signature(component.__init__).parameters if name not in _OURS]
    for name in settings:
        if name == "seed":
            yield (place, name), "the seed of the search is `tune.seed`"
        elif name not in known:
            yield (place, name), f"Optuna's {component.__name__} has no setting {name!r}{did_you_mean(name, known)}"


def _without_warnings(tune: Tune) -> dict[str, Any]:
    known = inspect.signature(SAMPLERS[tune.sampler.use].__init__).parameters
    return {name: False for name in ("warn_independent_sampling",) if name in known and tune.sampler.use == "cmaes"}


def _next_point(tune: Tune, taken: Sequence[FrozenTrial]) -> PointSampler | None:
    every = list(grid(tune.space))
    random.Random(derive(tune.seed, "grid")).shuffle(every)  # noqa: S311 - an order, no secret
    tried = {frozenset(trial.params.items()) for trial in taken}
    return next((PointSampler(point) for point in every if frozenset(point.items()) not in tried), None)
