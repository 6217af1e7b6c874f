"""The models of a recipe. Importing them loads neither torch nor a plugin."""

from xdistill.recipe.schema.compute import Compute, Loader
from xdistill.recipe.schema.crossval import Crossval, SplitFiles, SplitWords
from xdistill.recipe.schema.missing import Missing
from xdistill.recipe.schema.recipe import (
    CONTROLS,
    Block,
    CacheRecipe,
    Control,
    ExecutorBlock,
    ExternalTest,
    FitStage,
    Optimizer,
    Recipe,
    Term,
    TermOptimizer,
    TrainStage,
)
from xdistill.recipe.schema.section import Section
from xdistill.recipe.schema.teacher_cache import TeacherCache
from xdistill.recipe.schema.tuning import Pruner, Sampler, Search, Tune

__all__ = [
    "CONTROLS",
    "Block",
    "CacheRecipe",
    "Compute",
    "Control",
    "Crossval",
    "ExecutorBlock",
    "ExternalTest",
    "FitStage",
    "Loader",
    "Missing",
    "Optimizer",
    "Pruner",
    "Recipe",
    "Sampler",
    "Search",
    "Section",
    "SplitFiles",
    "SplitWords",
    "TeacherCache",
    "Term",
    "TermOptimizer",
    "TrainStage",
    "Tune",
]
