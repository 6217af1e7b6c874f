"""Cohorts in files and in memory, their splits, and transforms fitted on training subjects alone."""

from xdistill.data.arrays import ArrayCohort
from xdistill.data.build import build_cohort, built_cohort
from xdistill.data.protocol import CohortLike
from xdistill.data.reader import Cohort, open_cohort
from xdistill.data.splits import Split, Splits, check_splits
from xdistill.data.splitting import make_splits
from xdistill.data.training_view import TrainingView
from xdistill.data.transforms import FittedTransforms, fit_transforms
from xdistill.data.verify import verify_cohort
from xdistill.folders import default_cache_dir

__all__ = [
    "ArrayCohort",
    "Cohort",
    "CohortLike",
    "FittedTransforms",
    "Split",
    "Splits",
    "TrainingView",
    "build_cohort",
    "built_cohort",
    "check_splits",
    "default_cache_dir",
    "fit_transforms",
    "make_splits",
    "open_cohort",
    "verify_cohort",
]
