"""xdistill: cross-modal knowledge distillation with plugins, recipes, leak-proof folds, honest statistics.

>>> import xdistill
>>> recipe = xdistill.load_recipe("mvi_hcc", overrides=["crossval.folds=3"])
>>> recipe.recipe.crossval.folds
3
"""

from typing import TYPE_CHECKING, Any

from xdistill.version import __version__

if TYPE_CHECKING:
    from xdistill.api import (
        catalog,
        diagnose,
        fit,
        load_model,
        load_recipe,
        load_run,
        run,
        run_with_controls,
        tune,
    )
    from xdistill.estimator import Distiller, Modalities

__all__ = [
    "Distiller",
    "Modalities",
    "__version__",
    "catalog",
    "diagnose",
    "fit",
    "load_model",
    "load_recipe",
    "load_run",
    "run",
    "run_with_controls",
    "tune",
]
_OF_API = frozenset(
    {"catalog", "diagnose", "fit", "load_model", "load_recipe", "load_run", "run", "run_with_controls", "tune"}
)


def __getattr__(name: str) -> Any:
    """Load the Python interface when it is first used: ``import xdistill`` itself loads nothing."""
    if name in _OF_API:
        from xdistill import api

        return getattr(api, name)
    if name in {"Distiller", "Modalities"}:
        from xdistill import estimator

        return getattr(estimator, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
