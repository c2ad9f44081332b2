"""
What people send from the pages: forms, read into the bodies that the API's routes take.

A form bears the CSRF token of its session, what its page showed (`tag`, an ETag of the API), and a word of its own
(`once`): the same form sent twice is one request.
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar, get_args
from urllib.parse import parse_qsl

from fastapi import Depends, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from api.bodies import Body
from api.console.forms.repeated_forms import run_once
from api.dependencies import Asked, Caller, Engine, Running
from api.protocol.etags import IfMatch
from domain import requests
from domain.access.principals import Principal
from domain.errors import Invalid

FORM = "application/x-www-form-urlencoded"
FIELDS_MAX = 40
# What a form has besides the fields that a person fills in.
TOKEN, ONCE, TAG, BACK = "csrf_token", "once", "tag", "back"
ROOT = "/console"
_OWN = re.compile(
    r"/console(?:/[A-Za-z0-9][A-Za-z0-9._~:%-]*)*(?:\?[A-Za-z0-9._~:%&=+-]*)?", re.ASCII
)
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9.]+)?", re.ASCII)
Given = TypeVar("Given", bound=Body)


@dataclass(frozen=True, slots=True)
class FormRefusal:
    """What the API answers to a request that it refuses: the sentence, and those about single fields."""

    status: int
    detail: str
    fields: Mapping[str, str]
    # Which form it was, and what was filled in.
    action: str
    values: Mapping[str, str]
    headers: Mapping[str, str]


Show = Callable[[FormRefusal], Awaitable[Response]]


async def read_form(request: Request) -> dict[str, str]:
    """Read the form of a page, if one is sent, before anybody asks who sends it: it bears the CSRF token."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method != "POST" or kind != FORM:
        return {}
    try:
        text = (await request.body()).decode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError:
        raise Invalid("body", "is no form of these pages: open the page again") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Invalid("body", "has a field more than once: open the page again")
    request.state.form_token = fields.pop(TOKEN, "")
    request.state.form = fields
    return fields


@dataclass(frozen=True, slots=True)
class Submission:
    """A form that somebody sent whom the route lets in."""

    request: Request
    engine: Engine
    caller: Principal
    asked: requests.Request
    fields: Mapping[str, str]

    @property
    def update_id(self) -> str:
        """Name what is asked after the caller, the form as it was shown, and its content."""
        said = [self.caller.identity, self.request.url.path, sorted(self.fields.items())]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    @property
    def condition(self) -> IfMatch:
        """What the page showed: a thing that has changed since is not changed."""
        return IfMatch(self.fields.get(TAG) or None)

    @property
    def back(self) -> str:
        return find_own_path(self.fields.get(BACK))

    def read(self, body: type[Given], **empty: Any) -> Given:
        """Return the fields as a body of the API; `empty` says what an empty field of a name means, else it is left out."""
        return read_body(self.fields, body, **empty)

    async def carry_out(self, act: Callable[[], Awaitable[Any]], done: str, show: Show) -> Response:
        """Do what is asked, and lead back to the page; what is refused is shown on the page itself."""
        try:
            if self.fields.get(ONCE):
                database, identity = self.engine.database, self.caller.identity
                await run_once(database, identity, self.update_id, act)
            else:
                await act()
        except Exception as error:
            refusal = await find_refusal(self.request, error)
            if refusal.status == 401:
                raise
            return await show(refusal)
        path, _, _ = self.back.partition("?")
        return RedirectResponse(f"{path}?done={done}", 303)


async def get_submission(
    request: Request, engine: Running, caller: Caller, asked: Asked
) -> Submission:
    if not hasattr(request.state, "form"):
        raise HTTPException(415, "the body must be a form of these pages")
    return Submission(request, engine, caller, asked, request.state.form)


Sent = Annotated[Submission, Depends(get_submission)]
FormFields = Annotated[dict[str, str], Depends(read_form)]


def read_body(fields: Mapping[str, str], body: type[Given], **empty: Any) -> Given:
    """Return fields as a body of the API, which refuses them in the API's own words."""
    values: dict[str, Any] = {}
    for name, text in fields.items():
        if name in (ONCE, TAG, BACK):
            continue
        if text.strip():
            values[name] = _convert(body, name, text.replace("\r\n", "\n"))
        elif name in empty:
            values[name] = empty[name]
    try:
        return body.model_validate(values)
    except ValidationError as error:
        found: list[dict[str, Any]] = [dict(each) for each in error.errors()]
        raise RequestValidationError(
            [each | {"loc": ("body", *each["loc"])} for each in found]
        ) from None


def _convert(body: type[Body], name: str, text: str) -> Any:
    """Return a text of a form as the field of the body takes it: a form knows no numbers, and no time zones."""
    field = body.model_fields.get(name)
    kinds = set() if field is None else _list_kinds(field.annotation)
    if int in kinds and _WHOLE.fullmatch(text.strip()):
        return int(text)
    if datetime in kinds and _LOCAL.fullmatch(text.strip()):
        return f"{text.strip()}Z"  # the pages say that times are UTC
    return text


def _list_kinds(annotation: Any) -> set[Any]:
    found = {annotation}
    for part in get_args(annotation):
        found |= _list_kinds(part)
    return found


def find_own_path(wanted: str | None) -> str:
    """Return a path of these pages, as it was asked for, or the first page: never one of somebody else's."""
    return wanted if wanted and len(wanted) < 1000 and _OWN.fullmatch(wanted) else ROOT


async def find_refusal(request: Request, error: Exception) -> FormRefusal:
    """Return what the API answers to an error; one that it has no answer for is raised again."""
    handlers: Mapping[Any, Any] = request.app.exception_handlers
    handler = next((handlers[kind] for kind in type(error).__mro__ if kind in handlers), None)
    if handler is None:
        raise error
    answer = await handler(request, error)
    problem = json.loads(answer.body)
    fields = {each["field"]: each["message"] for each in problem.get("errors", ())}
    kept = ("retry-after", "ratelimit", "ratelimit-policy")
    return FormRefusal(
        problem["status"],
        problem["detail"],
        fields,
        request.url.path,
        getattr(request.state, "form", {}),
        {name: value for name, value in answer.headers.items() if name in kept},
    )
