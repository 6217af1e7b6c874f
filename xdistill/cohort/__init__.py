"""Cohorts on disk, how they are split, and what may be learned from them."""

from xdistill.cohort.build import build_cohort
from xdistill.cohort.reader import Cohort, open_cohort
from xdistill.cohort.splits import Split, Splits, check_splits
from xdistill.cohort.splitting import make_splits
from xdistill.cohort.training import TrainingView
from xdistill.cohort.transforms import FittedTransforms, fit_transforms
from xdistill.cohort.verify import verify_cohort
from xdistill.folders import default_cache_dir

__all__ = [
    "Cohort",
    "FittedTransforms",
    "Split",
    "Splits",
    "TrainingView",
    "build_cohort",
    "check_splits",
    "default_cache_dir",
    "fit_transforms",
    "make_splits",
    "open_cohort",
    "verify_cohort",
]
