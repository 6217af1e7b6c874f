"""The Python interface. The command line is a thin layer over it."""

from xdistill.api.components import catalog
from xdistill.api.diagnosing import diagnose
from xdistill.api.finished import FinishedRun, load_run
from xdistill.api.models import fit, load_model
from xdistill.api.running import ControlledRun, run, run_with_controls
from xdistill.api.searching import TunedRecipe, tune
from xdistill.recipe.load import load_recipe
from xdistill.report.on_request import Figures

__all__ = [
    "ControlledRun",
    "Figures",
    "FinishedRun",
    "TunedRecipe",
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
