"""The data set ``lesions_2d``: generated colour pictures of skin lesions, with clinical criteria and known truth."""

from xdistill_mri.lesions.dataset import Lesions2D

__all__ = ["Lesions2D"]
