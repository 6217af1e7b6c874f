"""The page ``explain.html``: one self-contained file in the style of a run's report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xdistill.deployment.explain.attributions import Options
from xdistill.deployment.explain.checks import CheckSummary, area
from xdistill.deployment.explain.pictures import Plane, planes
from xdistill.report.palette import MUTED, STUDENT
from xdistill.report.picture import entitle, new_picture, svg_markup

if TYPE_CHECKING:
    from xdistill.deployment.explain.explanation import Explanation
    from xdistill.models.ensemble import Ensemble
    from xdistill.tasks import Task

SHOWN = 40  # subjects in the page: it stays below some ten megabytes
STRONGEST = 12  # columns of a vector in the page
TITLES = {"gradcam": "Grad-CAM", "ig": "Integrated gradients", "occlusion": "Occlusion"}


@dataclass(frozen=True)
class Bar:
    """One column of a vector.

    Attributes:
        name: of the column.
        value: of the subject.
        attribution: how much it raises what is explained.
        share: its magnitude in percent of the largest one.
    """

    name: str
    value: str
    attribution: float
    share: float


@dataclass(frozen=True)
class Card:
    """One subject in the page.

    Attributes:
        explanation: what is shown.
        name: of the subject.
        images: by modality, the slices through the peak.
        tables: by vector modality, the strongest columns.
    """

    explanation: Explanation
    name: str
    images: dict[str, list[Plane]]
    tables: dict[str, list[Bar]]

    @classmethod
    def of(cls, explanation: Explanation, name: str) -> Card:
        """The card of an explanation."""
        tables = {}
        for modality, columns in explanation.columns.items():
            strongest = columns.strongest(STRONGEST)
            largest = max((abs(value) for _, _, value in strongest), default=0.0) or 1.0
            tables[modality] = [Bar(*one, share=100 * abs(one[2]) / largest) for one in strongest]
        images = {modality: planes(found) for modality, found in explanation.maps.items()}
        return cls(explanation, name, images, tables)


def render_page(
    model: Ensemble, options: Options, cards: Sequence[Card], *, subjects: int, summary: CheckSummary | None
) -> str:
    """The page as HTML: no script, nothing loaded from anywhere, all text escaped.

    Args:
        model: that was explained.
        options: how.
        cards: of the subjects that are shown.
        subjects: that were explained.
        summary: of the sanity checks; None if there were none.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("xdistill.deployment.explain"), jinja2.PackageLoader("xdistill.report")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    task = model.schema.task
    layers = {name: found.layer for card in cards for name, found in card.explanation.maps.items() if found.layer}
    return environment.get_template("explain.html.j2").render(
        model=model,
        task=task,
        probabilities=task.probabilistic,
        method=TITLES[options.method],
        options=options,
        cards=cards,
        subjects=subjects,
        layers=layers,
        summary=summary,
        area=area,
        # Markup: svg_markup escapes every text that it puts in.
        chart=None if summary is None else Markup(_chart(summary, task)),  # noqa: S704
    )


def _chart(summary: CheckSummary, task: Task) -> str:
    """Both mean deletion curves."""
    what = f"probability of the {task.explains}" if task.probabilistic else "prediction"
    picture, (axes,) = new_picture(1, 1, panel=(4.4, 3.0))
    share: Any = np.linspace(0, 100, len(summary.deleted))
    axes.plot(share, summary.random, color=MUTED, linestyle="--", label="in random order")
    axes.plot(share, summary.deleted, color=STUDENT, label="largest attribution first")
    axes.set(xlabel="deleted, in percent", ylabel=what, xlim=(0, 100))
    entitle(axes, "Deletion")
    axes.legend(frameon=False, fontsize=8)
    alt = (
        f"Mean {what} while patches are deleted: area {area(summary.deleted):.3f} by attribution, "
        f"{area(summary.random):.3f} in random order"
    )
    return svg_markup(picture, prefix="deletion", alt=alt)
