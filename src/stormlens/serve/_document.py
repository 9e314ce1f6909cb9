"""The OpenAPI document: every operation with its options, bodies, answers and refusals."""

from typing import Any

import stormlens
from stormlens.serve._job_folder import STATES
from stormlens.serve._limits import Limits
from stormlens.serve._question import ARROW, BODY_TYPES, JSON, MOST_PLACES, OPTIONS

_SENTENCE = {"$ref": "#/components/schemas/Refusal"}
_WORDS = {
    "400": "The request is no HTTP or has no body.",
    "401": "The token is missing or wrong.",
    "403": "The request is made to a name, or from a page, that is not ours.",
    "404": "There is nothing of that name.",
    "405": "The method is none of this operation's.",
    "406": "No form of answer is accepted that there is.",
    "408": "The body came too slowly.",
    "413": "The body is too large, or holds too many boxes.",
    "415": "Bodies of this type are not read.",
    "422": "The body, or an option, cannot be read.",
    "429": "No more jobs can be kept.",
    "503": "The server is busy.",
    "504": "There was no answer in time.",
}
_SENT = ("400", "408", "413", "415", "422", "503")


def document(modes: list[str], limits: Limits, has_token: bool) -> dict[str, Any]:
    """
    The document.

    Parameters
    ----------
    modes : list of str
        Classes of the classifier.
    limits : Limits
        Which bodies are described with.
    has_token : bool
        Whether a token is needed.

    Returns
    -------
    document : dict
        OpenAPI 3.1.
    """
    secured: dict[str, Any] = {"security": [{"token": []}]} if has_token else {}
    schemes = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stormlens",
            "version": stormlens.__version__,
            "description": "Storm modes of weather-radar images and files.",
        },
        "paths": _paths(limits),
        "components": {
            "schemas": _schemas(modes),
            **({"securitySchemes": schemes} if has_token else {}),
        },
        **secured,
    }


def _paths(limits: Limits) -> dict[str, Any]:
    sent = {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": option.words,
                **_schema_of(name, option.schema),
            }
            for name, option in OPTIONS.items()
        ],
        "requestBody": {
            "required": True,
            "description": (
                "A storm box as PNG with the archive's palette (several one behind the other), as "
                "NPY of shape (y, x) or (N, y, x), or as NetCDF of Stormlens; or a radar file, "
                "whose storms are found. The first bytes say what it is. At most "
                f"{limits.body_mib} MiB and {limits.boxes} boxes."
            ),
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}} for kind in BODY_TYPES
            },
        },
    }
    answer = _with_stream("What is said of each box.", "Answer")
    id_ = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    }
    return {
        "/v1/classify": {
            "post": {
                "operationId": "classify",
                "summary": "Name the storm mode of boxes, or of the storms in a radar file.",
                **sent,
                "responses": {"200": answer, **_refusals(*_SENT, "406", "504")},
            }
        },
        "/v1/jobs": {
            "post": {
                "operationId": "addJob",
                "summary": "The same, done later; kept on the server's disk once acknowledged.",
                **sent,
                "responses": {
                    "202": {
                        **_json_of("The job is kept.", "Job"),
                        "headers": {"Location": {"schema": {"type": "string"}}},
                    },
                    **_refusals(*_SENT, "404", "429"),
                },
            }
        },
        "/v1/jobs/{id}": {
            "get": {
                "operationId": "getJob",
                "summary": "How far a job is, and its answer once it is done.",
                "parameters": [id_],
                "responses": {
                    "200": _with_stream("The job.", "Job"),
                    **_refusals("404", "406", "503"),
                },
            },
            "delete": {
                "operationId": "deleteJob",
                "summary": "Forget a job.",
                "parameters": [id_],
                "responses": {"204": {"description": "It is gone."}, **_refusals("404")},
            },
        },
        "/v1/card": _get("getCard", "The model card.", {"text/markdown": _TEXT, JSON: _OBJECT}),
        "/health": _get("getHealth", "Whether the server answers, and who.", {JSON: _OBJECT}),
        "/metrics": _get("getMetrics", "Counts for Prometheus.", {"text/plain": _TEXT}),
    }


_TEXT = {"schema": {"type": "string"}}
_OBJECT = {"schema": {"type": "object"}}


def _schema_of(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if name != "at":
        return {"schema": schema}
    return {
        "schema": {"type": "array", "items": schema, "maxItems": MOST_PLACES},
        "style": "form",
        "explode": True,
    }


def _refusals(*statuses: str) -> dict[str, Any]:
    content = {JSON: {"schema": _SENTENCE}}
    always = ("401", "403", "405")
    return {
        status: {"description": _WORDS[status], "content": content}
        for status in sorted({*always, *statuses})
    }


def _json_of(words: str, schema: str) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": words, "content": {JSON: {"schema": reference}}}


def _with_stream(words: str, schema: str) -> dict[str, Any]:
    described = _json_of(words, schema)
    stream = {"schema": {"type": "string", "format": "binary"}}
    return {**described, "content": {**described["content"], ARROW: stream}}


def _get(name: str, words: str, content: dict[str, Any]) -> dict[str, Any]:
    answer = {"description": words, "content": content}
    return {
        "get": {
            "operationId": name,
            "summary": words,
            "responses": {"200": answer, **_refusals()},
        }
    }


def _schemas(modes: list[str]) -> dict[str, Any]:
    text, number = {"type": "string"}, {"type": "number"}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    perhaps = {"type": ["number", "null"]}
    box = {
        "type": "object",
        "required": ["id", "mode", "likeliest", "probabilities"],
        "properties": {
            "id": text,
            "time": {"type": ["string", "null"], "format": "date-time"},
            "latitude": perhaps,
            "longitude": perhaps,
            "coverage": perhaps,
            "mode": {
                **text,
                "description": "One of the classifier's, or Clear, unsure, no storm box.",
            },
            "likeliest": {"type": "string", "enum": modes},
            "plausible": {"type": "array", "items": {"type": "string", "enum": modes}},
            "novelty": perhaps,
            "disagreement": perhaps,
            "probabilities": {
                "type": "object",
                "required": modes,
                "properties": dict.fromkeys(modes, share),
            },
        },
    }
    answer = {
        "type": "object",
        "required": ["model", "simulated_training", "note", "modes", "boxes"],
        "properties": {
            "model": text,
            "simulated_training": {
                "type": ["boolean", "null"],
                "description": "Whether SIMULATED storms trained the classifier; null: unknown.",
            },
            "note": text,
            "modes": {"type": "array", "items": text},
            "plausible_from": number,
            "level": number,
            "source": text,
            "simulated": {"type": "boolean"},
            "notes": {"type": "array", "items": text},
            "boxes": {"type": "array", "items": {"$ref": "#/components/schemas/Box"}},
        },
    }
    job = {
        "type": "object",
        "required": ["id", "state", "created"],
        "properties": {
            "id": text,
            "state": {"type": "string", "enum": [*STATES]},
            "created": {"type": "string", "format": "date-time"},
            "finished": {"type": "string", "format": "date-time"},
            "answer": {"$ref": "#/components/schemas/Answer"},
            "error": text,
        },
    }
    refusal = {"type": "object", "required": ["error"], "properties": {"error": text}}
    return {"Box": box, "Answer": answer, "Job": job, "Refusal": refusal}
