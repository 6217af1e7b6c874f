"""The 52 clinical items: a preoperative liver panel, the history, and what the radiologist notes.

Medians and spreads are those of ordinary preoperative panels, chosen by hand; no patient's value went into them.
Every numeric item is a strictly increasing function of a standard normal latent, so that nothing the latent says is
lost; a categorical item cuts its latent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Scale = Literal["normal", "lognormal", "bounded", "categorical"]
Cause = Literal["invasiveness", "hbp", "size"]


@dataclass(frozen=True)
class Item:
    """One clinical item.

    Attributes:
        name: the column's name.
        unit: of its values; empty for none and for categories.
        scale: ``normal``: ``centre + spread * c``; ``lognormal``: ``centre * exp(spread * c)``; ``bounded``:
            logistic between ``low`` and ``high`` with median ``centre`` and slope ``spread``; ``categorical``.
        centre: the median.
        spread: see ``scale``.
        low: lower end of a bounded item.
        high: upper end of a bounded item.
        categories: names, in rising order of the latent.
        shares: how frequent each category is.
        gain: signal-to-noise ratio with which the latent follows its cause; negative: it falls as the cause rises.
        cause: what the latent follows. Items caused by what the image shows, or by the size, say nothing about the
            grade that the image does not say already.
        missing: share of subjects without a value.
        missing_slope: how strongly the latent itself decides whether the value is missing (0: missing at random;
            negative: low values are missing more often).
    """

    name: str
    unit: str = ""
    scale: Scale = "lognormal"
    centre: float = 0.0
    spread: float = 1.0
    low: float = 0.0
    high: float = 0.0
    categories: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    gain: float = 0.0
    cause: Cause = "invasiveness"
    missing: float = 0.06
    missing_slope: float = 0.0

    def but(
        self,
        *,
        gain: float | None = None,
        cause: Cause | None = None,
        missing: float | None = None,
        missing_slope: float | None = None,
    ) -> Item:
        """The same item with what is not None replaced."""
        return replace(
            self,
            gain=self.gain if gain is None else gain,
            cause=self.cause if cause is None else cause,
            missing=self.missing if missing is None else missing,
            missing_slope=self.missing_slope if missing_slope is None else missing_slope,
        )


def _normal(name: str, unit: str, centre: float, spread: float) -> Item:
    return Item(name, unit, "normal", centre, spread)


def _skewed(name: str, unit: str, centre: float, spread: float) -> Item:
    return Item(name, unit, "lognormal", centre, spread)


def _bounded(name: str, unit: str, centre: float, spread: float, ends: tuple[float, float]) -> Item:
    return Item(name, unit, "bounded", centre, spread, *ends)


def _finding(name: str, share: float, categories: tuple[str, str] = ("absent", "present")) -> Item:
    return Item(name, scale="categorical", categories=categories, shares=(1.0 - share, share))


def _graded(name: str, **shares: float) -> Item:
    return Item(name, scale="categorical", categories=tuple(shares), shares=tuple(shares.values()))


_HISTORY = (
    _bounded("age", "years", 56, 0.65, (18, 90)).but(missing=0.05),
    _finding("sex", 0.83, ("female", "male")).but(missing=0.05),
    _skewed("body_mass_index", "kg/m2", 23.4, 0.14),
    _finding("hepatitis_b_surface_antigen", 0.84, ("negative", "positive")).but(missing=0.05),
    _finding("hepatitis_b_e_antigen", 0.21, ("negative", "positive")).but(missing=0.08),
    _finding("hepatitis_c_antibody", 0.05, ("negative", "positive")),
    _finding("cirrhosis", 0.62),
    _finding("diabetes", 0.16),
    _graded("child_pugh_class", A=0.91, B=0.09).but(gain=0.08),
    _finding("antiviral_treatment", 0.44, ("no", "yes")),
)

_TUMOUR_MARKERS = (
    _skewed("alpha_fetoprotein", "ng/mL", 28, 2.2).but(gain=0.55),
    _bounded("alpha_fetoprotein_l3", "%", 7, 1.6, (0, 100)).but(gain=0.42, missing=0.10, missing_slope=-0.8),
    _skewed("pivka_ii", "mAU/mL", 140, 1.8).but(gain=0.60, missing=0.09, missing_slope=-0.6),
    _skewed("carcinoembryonic_antigen", "ng/mL", 2.3, 0.6),
    _skewed("carbohydrate_antigen_19_9", "U/mL", 16, 0.9),
    _skewed("carbohydrate_antigen_125", "U/mL", 14, 0.7).but(gain=0.08),
    _skewed("ferritin", "ng/mL", 220, 0.8).but(gain=0.10, missing=0.10),
    _skewed("hepatitis_b_virus_dna", "IU/mL", 2500, 3.0).but(gain=0.15, missing=0.09, missing_slope=-1.0),
)

_LIVER_PANEL = (
    _skewed("alanine_aminotransferase", "U/L", 34, 0.60),
    _skewed("aspartate_aminotransferase", "U/L", 33, 0.50).but(gain=0.18),
    _skewed("gamma_glutamyl_transferase", "U/L", 60, 0.80).but(gain=0.28),
    _skewed("alkaline_phosphatase", "U/L", 86, 0.35).but(gain=0.12),
    _skewed("lactate_dehydrogenase", "U/L", 192, 0.25).but(gain=0.22, missing=0.08),
    _skewed("total_bilirubin", "umol/L", 14.5, 0.45),
    _skewed("direct_bilirubin", "umol/L", 5.1, 0.50),
    _normal("albumin", "g/L", 41.5, 4.2).but(gain=-0.18),
    _skewed("prealbumin", "mg/L", 205, 0.32).but(gain=-0.15, missing=0.08),
    _normal("total_protein", "g/L", 70, 5.5),
    _skewed("globulin", "g/L", 28.5, 0.17),
    _skewed("total_bile_acids", "umol/L", 8.2, 0.90).but(missing=0.08),
    _skewed("cholinesterase", "U/L", 6600, 0.30).but(gain=-0.10, missing=0.09),
)

_COAGULATION = (
    _skewed("prothrombin_time", "s", 12.4, 0.09),
    _skewed("international_normalised_ratio", "", 1.06, 0.08),
    _skewed("activated_partial_thromboplastin_time", "s", 30, 0.12),
    _skewed("fibrinogen", "g/L", 2.7, 0.30).but(gain=0.10),
    _skewed("d_dimer", "mg/L", 0.45, 1.0).but(missing=0.10, missing_slope=-0.5),
)

_BLOOD_COUNT = (
    _skewed("white_cells", "10^9/L", 5.3, 0.30),
    _skewed("neutrophils", "10^9/L", 3.1, 0.40).but(gain=0.20),
    _skewed("lymphocytes", "10^9/L", 1.5, 0.36).but(gain=-0.15),
    _normal("haemoglobin", "g/L", 141, 16),
    _skewed("platelets", "10^9/L", 152, 0.42),
)

_CHEMISTRY = (
    _skewed("creatinine", "umol/L", 72, 0.22),
    _skewed("glucose", "mmol/L", 5.4, 0.20),
    _skewed("total_cholesterol", "mmol/L", 4.3, 0.22),
    _skewed("c_reactive_protein", "mg/L", 3.1, 1.2).but(gain=0.12, missing=0.10, missing_slope=-0.5),
)

_RADIOLOGIST = (
    _skewed("largest_diameter", "mm", 38, 0.45).but(gain=3.0, cause="size", missing=0.05),
    _finding("multiple_lesions", 0.18).but(gain=0.20, missing=0.05),
    _graded("capsule", complete=0.45, incomplete=0.33, none=0.22).but(gain=0.40),
    _finding("margin", 0.45, ("smooth", "irregular")).but(gain=1.0, cause="hbp"),
    _finding("arterial_peritumoral_enhancement", 0.30).but(gain=0.65),
    _finding("hepatobiliary_peritumoral_hypointensity", 0.32).but(gain=1.0, cause="hbp"),
    _finding("satellite_nodules", 0.12).but(gain=0.50),
)

ITEMS: tuple[Item, ...] = (
    *_HISTORY,
    *_TUMOUR_MARKERS,
    *_LIVER_PANEL,
    *_COAGULATION,
    *_BLOOD_COUNT,
    *_CHEMISTRY,
    *_RADIOLOGIST,
)
