"""The OpenAPI description of requests, made from the model."""

from __future__ import annotations

from typing import Any

from xdistill.models.model import StudentModel
from xdistill.serving.fields import Fields

ERRORS = {
    400: "The body does not match its content type, or the host is unknown.",
    403: "The request comes from another site's page.",
    408: "The body did not arrive in time.",
    413: "The request or its unpacked files are too large.",
    415: "The type of the body or of a file is unknown.",
    422: "The files cannot be read, or do not fit the model.",
    503: "Too many requests are waiting; see the header Retry-After.",
}


def error_responses() -> dict[int | str, dict[str, Any]]:
    """Descriptions of errors, whose bodies are ``{"detail": message}``."""
    schema = {"type": "object", "properties": {"detail": {"type": "string"}}}
    return {
        status: {"description": text, "content": {"application/json": {"schema": schema}}}
        for status, text in ERRORS.items()
    }


def request_body(model: StudentModel, fields: Fields, *, arrays: bool = True) -> dict[str, Any]:
    """The body of a request: a form with files, or JSON with arrays where these are accepted."""
    needed = set(fields.modalities) - set(fields.optional)
    form = {
        "type": "object",
        "properties": {**_texts(fields), **_files(fields)},
        "required": [name for name in {**fields.files, **fields.texts} if name in needed],
    }
    content = {"multipart/form-data": {"schema": form}} if form["properties"] else {}
    if arrays:
        content["application/json"] = {"schema": _arrays(model)}
    return {"requestBody": {"required": True, "content": content}}


def _arrays(model: StudentModel) -> dict[str, Any]:
    properties = {
        name: {
            "type": "array",
            "items": {},
            "description": f"Preprocessed values of shape {list(spec.shape)}, as nested lists.",
        }
        for name, spec in model.schema.modalities.items()
    }
    inputs = {"type": "object", "properties": properties}
    return {"type": "object", "properties": {"inputs": inputs}, "required": ["inputs"]}


def _files(fields: Fields) -> dict[str, Any]:
    endings = ", ".join(fields.suffixes).replace(".zip", ".zip (one DICOM series)")
    return {name: {"type": "string", "format": "binary", "description": f"A file: {endings}."} for name in fields.files}


def _texts(fields: Fields) -> dict[str, Any]:
    return {name: {"type": "string"} for name in fields.texts}
