"""Every error leaves the API as RFC 9457 problem+json with a sentence a person can act on."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from temporalio.client import (
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.exceptions import TimeoutError as TimedOut
from temporalio.service import RPCError

from api.middleware import render_internal
from api.parsing import sentences
from domain.errors import (
    ApexError,
    ChainUnavailable,
    Conflict,
    Forbidden,
    IdempotencyKeyReused,
    IllegalTransition,
    Invalid,
    NotFound,
    PreconditionFailed,
    Refused,
    RequestInFlight,
    TooMany,
    TryAgain,
    Unauthenticated,
    Unavailable,
    WrongCredentials,
)

log = logging.getLogger(__name__)
STATUSES: dict[str, int] = {
    Refused.code: 422,
    Invalid.code: 422,
    NotFound.code: 404,
    Conflict.code: 409,
    IllegalTransition.code: 409,
    RequestInFlight.code: 409,
    PreconditionFailed.code: 412,
    IdempotencyKeyReused.code: 422,
    Unauthenticated.code: 401,
    WrongCredentials.code: 400,
    Forbidden.code: 403,
    TooMany.code: 429,
    TryAgain.code: 503,
    Unavailable.code: 503,
    ChainUnavailable.code: 503,
}

# Codes of what no error of ours stands for, by the status that the framework or the middleware gives.
OF_HTTP = {
    400: "malformed",
    404: NotFound.code,
    405: "method_not_allowed",
    408: "too_late",
    413: "too_large",
    415: "unsupported_media_type",
    431: "head_too_large",
    500: "internal",
}
# A body may have thousands of mistakes; these are enough to mend the first of them.
ERRORS_MAX = 50


def render_problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    body: dict[str, Any] = {
        "type": f"/docs/errors#{code}",
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "correlation_id": getattr(request.state, "correlation_id", ""),
    }
    if errors:
        body["errors"] = errors
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _refused(request: Request, code: str, detail: str, field: str | None) -> JSONResponse:
    """Answer a refusal, whose sentence begins with the field where it is of one."""
    status = STATUSES[code]
    message = detail.removeprefix(f"{field}: ")
    errors = [{"field": field, "message": message}] if field else None
    waits = "2" if status == 503 else "1" if code == RequestInFlight.code else None
    headers = None if waits is None else {"Retry-After": waits}
    return render_problem(request, status, code, detail, errors, headers)


def render_defect(request: Request) -> JSONResponse:
    """Answer what no caller causes; the log has the rest."""
    return render_problem(request, 500, "internal", render_internal(request.state.correlation_id))


async def render_apex_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApexError)
    if error.code not in STATUSES:
        log.error("a person must look", exc_info=error)
        return render_defect(request)
    field = error.field if isinstance(error, Invalid) else None
    answer = _refused(request, error.code, str(error), field)
    if isinstance(error, TooMany):
        answer.headers["Retry-After"] = str(error.retry_after)
        answer.headers.update(getattr(request.state, "rate_limit", {}))
    if isinstance(error, Unauthenticated):
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


async def update_failed(request: Request, error: Exception) -> JSONResponse:
    """A workflow refused, or its step did: the refusal carries our own code."""
    assert isinstance(error, WorkflowUpdateFailedError | WorkflowFailureError)
    cause = error.cause
    if isinstance(cause, TimedOut):
        return await render_temporal_silent(request, error)
    if isinstance(cause, ApplicationError) and cause.type in STATUSES:
        field = cause.details[0] if cause.details else None
        return _refused(request, cause.type, cause.message, field)
    log.error("an update failed unexpectedly", exc_info=error)
    return render_defect(request)


async def render_temporal_silent(request: Request, error: Exception) -> JSONResponse:
    log.warning("Temporal did not answer: %s", error)
    return _refused(
        request,
        Unavailable.code,
        "Temporal did not answer in time. The request may still be carried out: "
        "repeat it with the same Idempotency-Key, or read the outage.",
        None,
    )


async def render_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"field": _field(found), "message": sentences.render_error(found)}
        for found in error.errors()[:ERRORS_MAX]
    ]
    detail = "; ".join(f"{entry['field']}: {entry['message']}" for entry in errors)
    return render_problem(request, 422, Invalid.code, detail, errors)


def _field(found: dict[str, Any]) -> str:
    """Name the field as the caller wrote it; JSON that cannot be read has none."""
    if found["type"] == "json_invalid":
        return "body"
    path = [str(part) for part in found["loc"] if part not in ("body", "query", "path", "header")]
    return ".".join(path) or "body"


async def render_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405 and request.method == "OPTIONS":
        allowed = ", ".join(sentences.list_methods(request))
        return Response(status_code=204, headers={"Allow": f"{allowed}, OPTIONS"})
    if error.status_code == 400:  # what the framework says of a body it cannot even decode
        return _refused(request, Invalid.code, "body: is not JSON in UTF-8", "body")
    code = OF_HTTP.get(error.status_code)
    if code is None:
        # Nothing here or in the framework answers so: a status without a code is a defect.
        log.error("the framework refused with status %d", error.status_code, exc_info=error)
        return render_defect(request)
    detail, headers = sentences.render_refusal(request, error)
    return render_problem(request, error.status_code, code, detail, None, headers)


def install(app: FastAPI) -> None:
    app.add_exception_handler(ApexError, render_apex_error)
    app.add_exception_handler(WorkflowUpdateFailedError, update_failed)
    app.add_exception_handler(WorkflowFailureError, update_failed)
    app.add_exception_handler(WorkflowUpdateRPCTimeoutOrCancelledError, render_temporal_silent)
    app.add_exception_handler(RPCError, render_temporal_silent)
    app.add_exception_handler(RequestValidationError, render_invalid_request)
    app.add_exception_handler(HTTPException, render_http_error)
