"""Evaluation of a model on an external cohort with labels."""

from xdistill.deployment.evaluate.external import evaluate
from xdistill.deployment.evaluate.page import render_evaluation
from xdistill.deployment.evaluate.result import Evaluation
from xdistill.deployment.evaluate.write import write_evaluation

__all__ = ["Evaluation", "evaluate", "render_evaluation", "write_evaluation"]
