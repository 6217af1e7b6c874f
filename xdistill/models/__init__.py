"""The trained student: a folder that holds it, and what it predicts for new subjects."""

from xdistill.models.ensemble import Member
from xdistill.models.load import load_model
from xdistill.models.model import StudentModel

__all__ = ["Member", "StudentModel", "load_model"]
