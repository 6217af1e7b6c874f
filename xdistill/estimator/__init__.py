"""A scikit-learn estimator: train a recipe on arrays, predict with the student."""

from xdistill.arrays.modalities import Modalities
from xdistill.estimator.distiller import Distiller

__all__ = ["Distiller", "Modalities"]
