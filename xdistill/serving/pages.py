"""The pages: rendered here, with scripts and styles of this package alone."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from xdistill.errors import ModelError
from xdistill.models.files import CARD
from xdistill.serving.refusal import RefusedError
from xdistill.serving.service import Service
from xdistill.untrusted import JSON, read_bytes


class Pages:
    """The pages of one model.

    Args:
        service: that serves it.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("xdistill.serving"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def front(self) -> str:
        """The page on which a user predicts for a patient."""
        fields, model = self._service.fields, self._service.model
        images = [name for name in fields.files if name in fields.modalities]
        return self._render(
            "front",
            images=images,
            shown=_shown({model.schema.modalities[name].kind for name in images}),
            masks=[name for name in fields.files if name not in fields.modalities],
            texts=[name for name in fields.texts if name not in fields.files],
            accept=",".join(fields.suffixes) + (",.gz" if ".nii.gz" in fields.suffixes else ""),
            optional=fields.optional,
            endings=fields.suffixes,
            arrays_only=not fields.files and not fields.texts,
            largest=self._service.limits.upload_mb,
            level=self._service.level,
            calibrated=model.calibration is not None,
            methods=self._service.methods,
        )

    def card(self) -> str:
        """The model card as a page.

        Raises:
            RefusedError: if the model has none.
        """
        text = self.card_text()
        front, body = _divided(text)
        # Tables, and no HTML of the text itself: it is escaped.
        markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
        return self._render("card", front=front, body=Markup(markdown.render(body)))  # noqa: S704 - escaped by the above

    def card_text(self) -> str:
        """The model card as Markdown.

        Raises:
            RefusedError: if the model has none.
        """
        if not self._card:
            raise RefusedError("this model has no card", 404)
        return self._card

    def interface(self, schema: dict[str, Any]) -> str:
        """The description of the HTTP interface as a page."""
        return self._render("interface", schema=schema)

    @cached_property
    def _card(self) -> str:
        folder = self._service.model.path
        if folder is None or not (folder / CARD).is_file():
            return ""
        return read_bytes(folder / CARD, JSON, error=ModelError, links=False).decode("utf-8", "replace")

    def _render(self, name: str, **values: Any) -> str:
        return self._environment.get_template(f"{name}.html.j2").render(model=self._service.model, **values)


def _shown(kinds: set[str]) -> str:
    """What the page calls the files that it shows."""
    return "Images" if len(kinds) > 1 else "Picture" if kinds == {"image"} else "Slices"


def _divided(text: str) -> tuple[str, str]:
    """The metadata block between lines of three dashes, and the rest."""
    if not text.startswith("---\n"):
        return "", text
    front, found, body = text[4:].partition("\n---\n")
    return (front, body) if found else ("", text)
