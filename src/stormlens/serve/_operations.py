"""The FastAPI application: health, metrics, card, jobs, and the document of all operations."""

import asyncio
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormlens.serve import _document
from stormlens.serve._answer import arrow_of
from stormlens.serve._extra import need
from stormlens.serve._metrics import CONTENT_TYPE
from stormlens.serve._question import ARROW, JSON, form_of
from stormlens.serve._refusal import Refusal, error_body

if TYPE_CHECKING:
    from fastapi import FastAPI

    from stormlens.serve._service import Service

_MARKDOWN = "text/markdown; charset=utf-8"


def operations(service: "Service", folder: Path | None, has_token: bool) -> "FastAPI":
    """
    The application behind the gate.

    Parameters
    ----------
    service : Service
        What answers.
    folder : Path or None
        Where the classifier's files lie.
    has_token : bool
        Whether the document is to say that a token is needed.

    Returns
    -------
    app : FastAPI

    Raises
    ------
    InputError
        If FastAPI is not installed.
    """
    fastapi = need("fastapi")
    # Their own pages would come from elsewhere; `/openapi.json` is answered below.
    app: FastAPI = fastapi.FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    _add_facts(app, service, folder, has_token)
    _add_jobs(app, service)
    _add_refusals(app)
    return app


def _add_facts(app: "FastAPI", service: "Service", folder: Path | None, has_token: bool) -> None:
    from fastapi import Request, Response

    @cache
    def card() -> tuple[dict[str, Any], str]:
        from stormlens import report

        appraisal = None if folder is None else report.read_appraisal(folder)
        files = () if folder is None else report.model_files(folder)
        classifier = service.classifier
        return (
            report.card_dict(classifier, appraisal, files=files),
            report.card(classifier, appraisal, files=files),
        )

    document = _document.document(service.speaker.head["modes"], service.limits, has_token)

    @app.get("/health")
    async def health() -> Response:
        return _json({"status": "ok", **service.speaker.head})

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/v1/card")
    async def card_of(request: Request) -> Response:
        values, text = await asyncio.to_thread(card)
        if JSON in request.headers.get("accept", ""):
            return _json(values)
        return Response(text, media_type=_MARKDOWN)

    @app.get("/openapi.json")
    async def openapi() -> Response:
        return _json(document)


def _add_jobs(app: "FastAPI", service: "Service") -> None:
    from fastapi import Request, Response

    @app.post("/v1/jobs")
    async def add(request: Request) -> Response:
        scope = request.scope
        headers = dict(scope["headers"])
        job = await service.add_job(headers, scope["query_string"], request.receive)
        return _json(job.state_dict(), 202, {"Location": f"/v1/jobs/{job.id}"})

    @app.get("/v1/jobs/{id}")
    async def get(id: str, request: Request) -> Response:
        form = form_of(request.headers.get("accept", "").encode("latin-1"))
        jobs = service.kept_jobs()
        job = jobs.get(id)
        outcome = {} if job.finished is None else await jobs.answer(job)
        if form == ARROW and "answer" in outcome:
            return Response(await asyncio.to_thread(arrow_of, outcome["answer"]), media_type=ARROW)
        return _json({**job.state_dict(), **outcome})

    @app.delete("/v1/jobs/{id}")
    async def delete(id: str) -> Response:
        jobs = service.kept_jobs()
        await jobs.delete(jobs.get(id))
        return Response(status_code=204)


def _add_refusals(app: "FastAPI") -> None:
    from fastapi import Request, Response
    from starlette.exceptions import HTTPException

    sentences = {
        404: "There is nothing here; /openapi.json lists what there is.",
        405: "This is not done here; /openapi.json lists what is.",
    }

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> Response:
        headers = {name.decode(): value.decode() for name, value in refusal.headers}
        return Response(error_body(refusal.sentence), refusal.status, headers, JSON)

    @app.exception_handler(HTTPException)
    async def not_there(_: Request, error: HTTPException) -> Response:
        sentence = sentences.get(error.status_code, str(error.detail))
        return Response(error_body(sentence), error.status_code, error.headers, JSON)


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    from fastapi.responses import JSONResponse

    return JSONResponse(value, status, headers)
