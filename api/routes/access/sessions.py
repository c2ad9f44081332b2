"""/auth: log in, stay so, and log out."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from adapters.postgres.access import people, sessions
from api.access.cookies import SESSION_COOKIE, clear_session
from api.access.credentials import find_principal
from api.access.csrf import check_origin
from api.access.logins import issue_tokens, log_in
from api.access.permissions import PUBLIC, require
from api.access.views import LoggedOutView, PersonView, SessionsView, SessionView, TokensView
from api.bodies import Body, Text
from api.dependencies import Asked, Caller, Running
from api.responses import declare_problems
from domain.access.people import EMAIL_MAX
from domain.access.permissions import Permission
from domain.access.principals import Principal
from domain.access.sessions import EndReason
from domain.errors import NotFound, TooMany, Unauthenticated
from domain.requests import Request as Asking
from services.access.sessions.end_sessions import EndSessions, end_sessions
from services.access.sessions.refresh_session import (
    RefreshedSession,
    RefreshSession,
    refresh_session,
)

router = APIRouter(prefix="/auth", tags=["access"])
SELF = [require(Permission.SELF_MANAGE)]
GOVERNS = [require(Permission.PEOPLE_MANAGE)]
OWN_ORIGIN = Depends(check_origin)
Email = Annotated[Text, Path(max_length=EMAIL_MAX)]


class LoginBody(Body):
    email: str = Field(max_length=320)
    password: str = Field(max_length=1000)


class RefreshBody(Body):
    refresh_token: str = Field(max_length=200)


def _tokens(issued: dict[str, Any]) -> TokensView:
    return TokensView(**issued | {"user": PersonView.model_validate(issued["user"])})


@router.post("/login", dependencies=[PUBLIC, OWN_ORIGIN], responses=declare_problems(400, 403, 429))
async def begin(
    body: LoginBody, request: Request, response: Response, engine: Running
) -> TokensView:
    """Log in. A browser gets cookies; other clients take the tokens. 400 for whatever is wrong."""
    issued = await log_in(request, response, engine.access, body.email, body.password)
    response.headers.update(getattr(request.state, "rate_limit", {}))
    return _tokens(issued)


@router.post(
    "/refresh", dependencies=[PUBLIC, OWN_ORIGIN], responses=declare_problems(401, 403, 429)
)
async def refresh(body: RefreshBody, request: Request, engine: Running) -> TokensView:
    """
    Exchange a refresh token for the next. The one just used is answered the same for 10 seconds; an older one ends
    the session.
    """
    context, now = engine.access, datetime.now(UTC)
    wanted = RefreshSession(body.refresh_token, context.idle, request.state.correlation_id, now)
    found = await refresh_session(engine.database, wanted)
    if isinstance(found, RefreshedSession):
        session = found.session
        return _tokens(await issue_tokens(context, session.person, session.id, found.token))
    context.forget()
    context.wrong_keys.take(request)
    raise Unauthenticated("the refresh token is not good any more: log in again")


@router.post("/logout", dependencies=[PUBLIC, OWN_ORIGIN], responses=declare_problems(403))
async def log_out(request: Request, response: Response, engine: Running) -> LoggedOutView:
    """End the session, and take the browser its cookies. 200 for one that has ended, too."""
    clear_session(response, engine.settings)
    principal = await _find_leaving(request, engine)
    count = 0
    if principal is not None and principal.session_id is not None:
        by = Asking(principal.name, request.state.correlation_id)
        ended = await _end(engine, principal.name, principal.session_id, EndReason.LOGOUT, by)
        count = len(ended)
    return LoggedOutView(message="logged out", sessions_invalidated=count)


@router.post("/logout-all", dependencies=SELF)
async def log_out_everywhere(engine: Running, caller: Caller, asked: Asked) -> LoggedOutView:
    """End all of your sessions, this one too."""
    ended = await _end(engine, caller.name, None, EndReason.LOGOUT, asked)
    return LoggedOutView(message="logged out everywhere", sessions_invalidated=len(ended))


@router.get("/sessions", dependencies=SELF)
async def list_own_sessions(engine: Running, caller: Caller) -> SessionsView:
    """Show your sessions, those that have ended too."""
    return await _list(engine, caller.name, caller.session_id)


@router.delete("/sessions/{session_id}", dependencies=SELF, responses=declare_problems(404))
async def end_own_session(
    session_id: Annotated[Text, Path(max_length=40)], engine: Running, caller: Caller, asked: Asked
) -> LoggedOutView:
    """End one of your sessions, such as the one of a browser that you have lost."""
    ended = await _end(engine, caller.name, session_id, EndReason.LOGOUT, asked)
    return LoggedOutView(message="logged out", sessions_invalidated=len(ended))


@router.get("/admin/sessions/{email}", dependencies=GOVERNS, responses=declare_problems(404))
async def list_anothers_sessions(email: Email, engine: Running, caller: Caller) -> SessionsView:
    """List somebody's sessions (admin)."""
    return await _list(engine, email.casefold(), caller.session_id)


@router.post("/admin/logout-all/{email}", dependencies=GOVERNS, responses=declare_problems(404))
async def log_another_out(email: Email, engine: Running, asked: Asked) -> LoggedOutView:
    """End all sessions of somebody (admin); their browsers are told so at once."""
    ended = await _end(engine, email.casefold(), None, EndReason.ADMIN_LOGOUT, asked)
    return LoggedOutView(message=f"{email} is logged out", sessions_invalidated=len(ended))


async def _find_leaving(request: Request, engine: Running) -> Principal | None:
    """Return who logs out; None where nobody is logged in any more."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token if scheme.lower() == "bearer" else ""
    try:
        return await find_principal(
            request, engine.access, None, token, request.cookies.get(SESSION_COOKIE)
        )
    except (Unauthenticated, TooMany):
        return None


async def _end(
    engine: Running, email: str, session_id: str | None, reason: EndReason, by: Asked
) -> Sequence[str]:
    ended = await end_sessions(
        engine.database, EndSessions(email, session_id, reason, by, datetime.now(UTC))
    )
    engine.access.forget()
    return ended


async def _list(engine: Running, email: str, current: str | None) -> SessionsView:
    async with engine.database.autocommit() as connection:
        person = await people.find(connection, email)
        if person is None:
            raise NotFound(f"there is no person with the address {email!r}")
        found = await sessions.list_by_person(connection, person.id)
    shown = [SessionView.of(each, engine.access, current) for each in found]
    active = sum(each.is_active for each in shown)
    return SessionsView(sessions=shown, total_count=len(shown), active_count=active)
