"""Whether distillation can help a recipe, before hours are spent on it."""

from xdistill.diagnosis.diagnosis import Diagnosis
from xdistill.diagnosis.figures import Advantage, Calibration, Fidelity, Figures, Power, Room
from xdistill.diagnosis.page import write_diagnosis
from xdistill.diagnosis.run import Diagnosed, diagnose
from xdistill.diagnosis.verdict import VERDICTS, Verdict

__all__ = [
    "VERDICTS",
    "Advantage",
    "Calibration",
    "Diagnosed",
    "Diagnosis",
    "Fidelity",
    "Figures",
    "Power",
    "Room",
    "Verdict",
    "diagnose",
    "write_diagnosis",
]
