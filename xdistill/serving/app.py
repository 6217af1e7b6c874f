"""The routes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from xdistill.serving.answers import Prediction, Values, answer
from xdistill.serving.decoding.job import Upload
from xdistill.serving.describe import error_responses, request_body
from xdistill.serving.guard import Guard
from xdistill.serving.pages import Pages
from xdistill.serving.refusal import RefusedError
from xdistill.serving.scratch import folder_prefix
from xdistill.serving.service import Service
from xdistill.serving.uploads import receive
from xdistill.version import __version__

STATIC = Path(__file__).parent / "static"
PNG = b"\x89PNG"
LOOPBACK = ("127.0.0.1", "localhost")
ROUTES = frozenset({"/", "/predict", "/explain", "/volume", "/health", "/card", "/card.md", "/docs", "/openapi.json"})

Level = Annotated[float | None, Query(gt=0, lt=1, description="Coverage of the prediction set or interval.")]

Modality = Annotated[str, Query(description="The image that the map is of.")]
Method = Annotated[str, Query(description="gradcam, ig (integrated gradients) or occlusion.")]


class Health(BaseModel):
    """What is served, and whether it works."""

    status: str
    model: str
    task: str = Field(description="What is predicted.")
    classes: list[str] = Field(description="Classes or labels; empty for tasks without.")
    modalities: list[str]
    members: int
    synthetic: bool = Field(description="Whether the training subjects are generated.")
    waiting: int = Field(description="Requests that are processed or wait.")
    queue: int = Field(description="Most requests that may be processed or wait.")
    version: str = Field(description="Of xdistill.")


def create_app(service: Service, *, hosts: Sequence[str] = LOOPBACK) -> FastAPI:
    """The ASGI application of one model.

    Args:
        service: the model; it has been started.
        hosts: names by which the server may be called; others are refused, which stops DNS rebinding.
    """
    app = FastAPI(
        title=f"xdistill: {service.model.name}",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    _add_predictions(app, service)
    _add_pages(app, service)
    app.mount(
        "/static", StaticFiles(directory=STATIC, packages=[("xdistill.report", "templates/style")]), name="static"
    )
    # The last is the outermost.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    app.add_middleware(Guard, limits=service.limits, paths=ROUTES)
    return app


@asynccontextmanager
async def _uploaded(request: Request, service: Service) -> AsyncIterator[Upload]:
    """The files of a request in a folder that is removed at the end."""
    with service.admitted(), TemporaryDirectory(prefix=folder_prefix(), ignore_cleanup_errors=True) as folder:
        yield await receive(request, Path(folder), service.fields, service.limits)


def _add_predictions(app: FastAPI, service: Service) -> None:
    body = request_body(service.model, service.fields)
    files_only = request_body(service.model, service.fields, arrays=False)
    errors = error_responses()

    @app.post("/predict", openapi_extra=body, responses=errors)
    async def predict(request: Request, level: Level = None) -> Prediction | Values:
        """Predict for one subject."""
        async with _uploaded(request, service) as upload:
            found = await service.predict(upload, level)
        return answer(service.model, found, service.level if level is None else level)

    @app.post("/volume", openapi_extra=files_only, responses=errors, response_class=Response)
    async def volume(request: Request) -> Response:
        """One uploaded image as a NIfTI file, for viewers: DICOM series become volumes."""
        async with _uploaded(request, service) as upload:
            files = [file for file in upload.files if file.target.endswith(".nii")]
            if len(files) != 1:
                raise RefusedError("upload the file of one modality: .nii, .nii.gz or .zip")
            await service.unpack(upload)
            return _nifti((upload.folder / files[0].target).read_bytes())

    if not service.methods:
        return

    @app.post("/explain", openapi_extra=files_only, responses=errors, response_class=Response)
    async def explain(request: Request, modality: Modality, method: Method = service.methods[0]) -> Response:
        """The saliency map of one modality: a NIfTI file in the space of the uploaded one, or a PNG of a picture."""
        async with _uploaded(request, service) as upload:
            content = await service.explain(upload, modality, method)
        return Response(content, media_type="image/png") if content.startswith(PNG) else _nifti(content)


def _nifti(content: bytes) -> Response:
    return Response(content, media_type="application/octet-stream")


def _add_pages(app: FastAPI, service: Service) -> None:
    pages = Pages(service)

    @app.get("/health")
    async def health() -> Health:
        """Whether the server works, and what it serves."""
        model, task = service.model, service.model.schema.task
        return Health(
            status="ok",
            model=model.name,
            task=task.describe(),
            classes=list(task.names) if task.probabilistic else [],
            modalities=list(model.inputs),
            members=len(model.members),
            synthetic=model.config.synthetic,
            waiting=service.waiting,
            queue=service.limits.queue,
            version=__version__,
        )

    @app.get("/card.md", response_class=PlainTextResponse)
    async def card_text() -> str:
        """The model card as Markdown."""
        return pages.card_text()

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(pages.front())

    @app.get("/card", include_in_schema=False)
    async def card() -> HTMLResponse:
        return HTMLResponse(pages.card())

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(pages.interface(_schema(app)))


def _schema(app: FastAPI) -> dict[str, Any]:
    return app.openapi()
