"""A login, step by step: may it be tried, is the password right, and then the session with all that a client needs."""

import hashlib
import math
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request, Response

from adapters.credentials import passwords
from adapters.credentials.access_tokens import AccessClaims
from adapters.postgres.access import login_attempts, people
from adapters.postgres.access.sessions import NewSession
from api.access.cookies import DEVICE_COOKIE, set_session
from api.access.credentials import AccessContext
from api.access.rate_limits import get_address
from domain import requests
from domain.access.login_attempts import DEVICE, compute_wait, derive_counter, name_place
from domain.access.people import PASSWORD_MAX, Person, normalize_email
from domain.access.sessions import hash_token
from domain.digests import derive_id
from domain.errors import Invalid, TooMany, WrongCredentials
from services.access.login_attempts.record_failure import RecordFailure, record_failure
from services.access.sessions.begin_session import WRONG, BeginSession, begin_session


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """What is known before the password is looked at. `email` is empty for what nobody can have."""

    email: str
    place: str
    counter: str
    password_hash: str | None
    device: str
    at: datetime


async def log_in(
    request: Request, response: Response, context: AccessContext, email: str, password: str
) -> dict[str, Any]:
    """Return the tokens and the person, and set the cookies. The same answer for whatever is wrong."""
    attempt = await _look_up(request, context, email)
    known = attempt.password_hash if len(password) <= PASSWORD_MAX else None
    try:
        stranger = not attempt.place.startswith(DEVICE)
        given = password[:PASSWORD_MAX]
        if not await context.hasher.verify(known, given, by_stranger=stranger):
            raise WrongCredentials(WRONG)
        return await _begin(request, response, context, attempt, password)
    except WrongCredentials:
        failed = RecordFailure(
            attempt.counter,
            attempt.place,
            attempt.email if attempt.password_hash else None,
            request.state.correlation_id,
            attempt.at,
        )
        await record_failure(context.database, failed)
        raise


async def check_own_password(
    request: Request, context: AccessContext, email: str, password: str
) -> str:
    """Return the hash that the password of a person who is logged in was checked against."""
    context.logins.take(request)
    async with context.database.autocommit() as connection:
        known = await people.get_password_hash(connection, email)
    given = password[:PASSWORD_MAX]
    if known is None or not await context.hasher.verify(known, given, by_stranger=False):
        raise WrongCredentials("the current password is wrong")
    return known


async def _look_up(request: Request, context: AccessContext, typed: str) -> LoginAttempt:
    """Refuse whoever has to wait, before anything costly is done."""
    try:
        email = normalize_email(typed)
    except Invalid:
        email = ""
    now, device = datetime.now(UTC), request.cookies.get(DEVICE_COOKIE, "")
    async with context.database.autocommit() as connection:
        known = await people.is_device_known(connection, email, hash_token(device))
        if not known:
            context.logins.take(request)
        place = name_place(get_address(request), hash_token(device).hex() if known else None)
        counter = derive_counter(email or typed, place)
        failures = await login_attempts.find_failures(connection, counter)
        if wait := compute_wait(failures, now):
            seconds = math.ceil(wait.total_seconds())
            raise TooMany(
                f"too many failed logins of this account from here: wait {seconds} seconds", seconds
            )
        password_hash = await people.get_password_hash(connection, email)
    fresh = device if known else secrets.token_urlsafe(32)
    return LoginAttempt(email, place, counter, password_hash, fresh, now)


async def _begin(
    request: Request,
    response: Response,
    context: AccessContext,
    attempt: LoginAttempt,
    password: str,
) -> dict[str, Any]:
    settings, now = context.settings, datetime.now(UTC)
    token, refresh_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    session = NewSession(
        derive_id("ses", secrets.token_hex(16)),
        hashlib.sha256(token.encode()).digest(),
        hash_token(refresh_token),
        secrets.token_bytes(32),
        now,
        now + timedelta(days=settings.session_max_days),
        get_address(request),
        request.headers.get("user-agent", "")[:200],
    )
    verified = attempt.password_hash
    assert verified is not None, "nobody's password is right"
    outdated = passwords.is_outdated(verified)
    command = BeginSession(
        attempt.email,
        verified,
        await context.hasher.hash(password) if outdated else None,
        session,
        hash_token(attempt.device),
        (attempt.counter,),
        requests.Request(attempt.email, request.state.correlation_id),
    )
    person = await begin_session(context.database, command)
    set_session(response, settings, token, attempt.device)
    return await issue_tokens(context, person, session.id, refresh_token)


async def issue_tokens(
    context: AccessContext, person: Person, session_id: str, refresh_token: str
) -> dict[str, Any]:
    """Return what a client that uses tokens keeps."""
    seconds = context.settings.jwt_access_token_minutes * 60
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    claims = AccessClaims(person.id, session_id, person.role, until)
    return {
        "access_token": await context.tokens.sign(claims),
        "refresh_token": refresh_token,
        "expires_in": seconds,
        "user": person,
    }
