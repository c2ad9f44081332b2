"""/auth/register, /auth/me and /people: who may log in, and what they keep."""

import secrets
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import Field

from adapters.postgres.access import people
from api.access.csrf import check_origin
from api.access.logins import check_own_password
from api.access.permissions import PUBLIC, require
from api.access.views import AdministeredView, LoggedOutView, PersonView
from api.bodies import Body, Text
from api.dependencies import Asked, Caller, CursorPaging, Running
from api.parsing import patterns
from api.responses import declare_problems
from api.views import CursorPageView
from domain.access.people import (
    EMAIL_MAX,
    FULL_NAME_MAX,
    Person,
    PersonStatus,
    check_password,
    check_preferences,
    normalize_email,
)
from domain.access.permissions import Permission, Role
from domain.access.principals import Principal
from domain.digests import derive_id
from domain.errors import Forbidden
from domain.requests import Request as Asking
from domain.settlement.owners.wallets import check_address
from services.access.people.change_password import ChangePassword
from services.access.people.change_password import change_password as change_it
from services.access.people.change_person import ChangePerson, change_person
from services.access.people.register_person import RegisterPerson, register_person
from services.access.people.save_preferences import SavePreferences, save_preferences

router = APIRouter(tags=["access"])
SELF = [require(Permission.SELF_MANAGE)]
GOVERNS = [require(Permission.PEOPLE_MANAGE)]
Preferences = dict[str, Any]


class RegisterBody(Body):
    """`role` is accepted and has no meaning: nobody chooses their own."""

    email: str = Field(max_length=320, json_schema_extra=patterns.EMAIL)
    password: str = Field(max_length=1000)
    full_name: str | None = Field(None, max_length=FULL_NAME_MAX)
    role: str | None = Field(None, max_length=50)


class NewPersonBody(Body):
    email: str = Field(max_length=320, json_schema_extra=patterns.EMAIL)
    password: str = Field(max_length=1000)
    full_name: str | None = Field(None, max_length=FULL_NAME_MAX)
    role: Role
    party: str | None = Field(None, max_length=64)


class ProfileBody(Body):
    full_name: str | None = Field(None, max_length=FULL_NAME_MAX)
    stellar_wallet: str | None = Field(None, max_length=56)


class PasswordBody(Body):
    current_password: str = Field(max_length=1000)
    new_password: str = Field(max_length=1000)


class PersonBody(Body):
    """A claimant has a `party`; anybody else may have one, and null takes it away."""

    role: Role | None = None
    status: PersonStatus | None = None
    party: str | None = Field(None, max_length=64)


@router.post(
    "/auth/register",
    status_code=201,
    dependencies=[PUBLIC, Depends(check_origin)],
    responses=declare_problems(403, 409, 429),
)
async def register(body: RegisterBody, request: Request, engine: Running) -> PersonView:
    """Register as a viewer, where REGISTRATION is open."""
    if engine.settings.registration != "open":
        raise Forbidden("registration is closed: ask an admin for an account")
    engine.access.logins.take(request)
    email = normalize_email(body.email)
    by = Asking(email, request.state.correlation_id)
    person = await _add(engine, email, body.password, body.full_name, Role.VIEWER, by)
    return PersonView.model_validate(person)


@router.get("/auth/me", dependencies=SELF)
async def show_me(engine: Running, caller: Caller) -> PersonView:
    """Show who you are, with your role and your party."""
    async with engine.database.autocommit() as connection:
        return PersonView.model_validate(await people.find(connection, caller.name))


@router.patch("/auth/me/profile", dependencies=SELF)
async def change_profile(
    body: ProfileBody, engine: Running, caller: Caller, asked: Asked
) -> PersonView:
    """Change your name, or the account you call yours; only the fields sent change."""
    changes = body.model_dump(exclude_unset=True)
    if changes.get("stellar_wallet"):
        check_address(changes["stellar_wallet"])
    wanted = ChangePerson(caller.name, changes, asked, datetime.now(UTC))
    return PersonView.model_validate(await change_person(engine.database, wanted))


@router.post("/auth/me/password", dependencies=SELF, responses=declare_problems(400, 429))
async def change_password(
    body: PasswordBody, request: Request, engine: Running, caller: Caller, asked: Asked
) -> LoggedOutView:
    """Change your password; all your other sessions end."""
    check_password(body.new_password, caller.name, "new_password")
    context = engine.access
    verified = await check_own_password(request, context, caller.name, body.current_password)
    wanted = ChangePassword(
        caller.name,
        verified,
        await context.hasher.hash(body.new_password),
        caller.session_id or "",
        asked,
        datetime.now(UTC),
    )
    count = await change_it(engine.database, wanted)
    context.forget()
    return LoggedOutView(message="the password is changed", sessions_invalidated=count)


@router.get("/user/preferences", dependencies=SELF)
async def get_preferences(engine: Running, caller: Caller) -> Preferences:
    """Show what your browser keeps here: an object, empty at first."""
    async with engine.database.autocommit() as connection:
        return await people.get_preferences(connection, caller.person_id or "")


@router.put("/user/preferences", dependencies=SELF)
async def put_preferences(
    body: Preferences, engine: Running, caller: Caller, asked: Asked
) -> Preferences:
    """Keep an object of at most 16 KiB, whatever its members are."""
    check_preferences(body)
    wanted = SavePreferences(caller.name, body, asked, datetime.now(UTC))
    await save_preferences(engine.database, wanted)
    return body


@router.get("/people", dependencies=GOVERNS)
async def list_people(engine: Running, paging: CursorPaging) -> CursorPageView[AdministeredView]:
    """List everybody who has an account, by address (admin)."""
    async with engine.database.autocommit() as connection:
        segment = paging.find_segment("people", dated=False)
        found, total = await people.list_page(connection, segment)
    return CursorPageView(
        items=[AdministeredView.model_validate(each) for each in found],
        total=total.count,
        total_is_estimated=total.is_estimated,
        page=paging.number,
        page_size=paging.size,
        next_cursor=paging.make_cursor("people", found, "email"),
    )


@router.post(
    "/people", status_code=201, dependencies=GOVERNS, responses=declare_problems(404, 409, 429)
)
async def add_person(
    body: NewPersonBody, engine: Running, caller: Caller, asked: Asked
) -> AdministeredView:
    """Give somebody an account (admin), with a password that they change."""
    _check_giver(caller)
    email = normalize_email(body.email)
    person = await _add(engine, email, body.password, body.full_name, body.role, asked, body.party)
    return AdministeredView.model_validate(person)


@router.patch("/people/{email}", dependencies=GOVERNS, responses=declare_problems(404))
async def govern_person(
    email: Annotated[Text, Path(max_length=EMAIL_MAX)],
    body: PersonBody,
    engine: Running,
    caller: Caller,
    asked: Asked,
) -> AdministeredView:
    """Change somebody's role, status or party (admin); who is disabled is logged out."""
    if body.status is not PersonStatus.DISABLED or {"role", "party"} & body.model_fields_set:
        _check_giver(caller)
    changes = body.model_dump(exclude_none=True)
    if "party" in body.model_fields_set:
        changes["party"] = body.party
    wanted = ChangePerson(email.casefold(), changes, asked, datetime.now(UTC))
    person = await change_person(engine.database, wanted)
    engine.access.forget()
    return AdministeredView.model_validate(person)


def _check_giver(caller: Principal) -> None:
    """Refuse a key with scopes: whoever it gave an account or a role could do more than the key itself."""
    if caller.scopes is not None:
        raise Forbidden(
            "a key with scopes gives no accounts and no roles: log in, or use one without"
        )


async def _add(
    engine: Running,
    email: str,
    password: str,
    full_name: str | None,
    role: Role,
    by: Asking,
    party: str | None = None,
) -> Person:
    check_password(password, email)
    made = RegisterPerson(
        derive_id("usr", secrets.token_hex(16)),
        email,
        full_name,
        role,
        await engine.access.hasher.hash(password),
        by,
        datetime.now(UTC),
        party,
    )
    return await register_person(engine.database, made)
