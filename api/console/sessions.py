"""/console/login and /console/logout: the sessions of the API, for a browser without a script."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse

from api.access.csrf import check_origin
from api.access.permissions import PUBLIC
from api.console.forms.submissions import (
    FormFields,
    FormRefusal,
    find_own_path,
    find_refusal,
    read_body,
)
from api.console.pages import render_page
from api.dependencies import Known, Running
from api.routes.access import sessions
from api.routes.access.sessions import LoginBody
from domain.errors import ApexError

router = APIRouter(prefix="/console", include_in_schema=False)
OWN_ORIGIN = Depends(check_origin)
Next = Annotated[str | None, Query(max_length=1000)]


@router.get("/login", dependencies=[PUBLIC])
async def show_login(request: Request, known: Known, next: Next = None) -> Response:
    """Show the form; who is logged in is led on."""
    if known is not None:
        return RedirectResponse(find_own_path(next), 303)
    return _show(request, find_own_path(next))


@router.post("/login", dependencies=[PUBLIC, OWN_ORIGIN])
async def log_in(request: Request, engine: Running, fields: FormFields) -> Response:
    """Log in as the API does it, with its limits and its sentences, and go to the page that was asked for."""
    wanted = find_own_path(fields.get("next"))
    answer = RedirectResponse(wanted, 303)
    said = {name: text for name, text in fields.items() if name != "next"}
    try:
        await sessions.begin(read_body(said, LoginBody), request, answer, engine)
    except (ApexError, RequestValidationError) as error:
        return _show(request, wanted, await find_refusal(request, error))
    return answer


@router.post("/logout", dependencies=[PUBLIC, OWN_ORIGIN])
async def log_out(request: Request, engine: Running, fields: FormFields) -> Response:
    """End the session, and take the browser its cookies."""
    answer = RedirectResponse("/console/login", 303)
    await sessions.log_out(request, answer, engine)
    return answer


def _show(request: Request, wanted: str, refused: FormRefusal | None = None) -> Response:
    email = "" if refused is None else refused.values.get("email", "")
    return render_page(request, None, "login.html", refused, wanted=wanted, email=email)
