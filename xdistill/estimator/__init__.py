"""A scikit-learn estimator: train a recipe on arrays, predict with the student."""

from xdistill.estimator.distiller import Distiller
from xdistill.estimator.modalities import Modalities

__all__ = ["Distiller", "Modalities"]
