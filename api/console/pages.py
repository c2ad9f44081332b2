"""Pages: HTML of the templates beside this file, escaped, each with the same headers."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.access.cookies import SESSION_COOKIE
from api.access.csrf import derive_csrf_token
from api.access.permissions import PUBLIC
from api.console.forms.submissions import FormRefusal
from domain.access.permissions import Permission
from domain.access.principals import Principal
from domain.money import format_amount

FOLDER = Path(__file__).parent
# No script, nothing from elsewhere, no style but the one file beside this.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    # With none at all a browser would not say of a form that it is of this origin.
    "Referrer-Policy": "same-origin",
}
router = APIRouter(prefix="/console", include_in_schema=False, dependencies=[PUBLIC])


class Done(StrEnum):
    """What was done, as the page after it says."""

    RESOLVED = "resolved"
    AMENDED = "amended"
    CANCELLED = "cancelled"
    REOPENED = "reopened"
    VOIDED = "voided"
    FILED = "filed"
    WITHDRAWN = "withdrawn"
    DECIDED = "decided"
    APPROVED = "approved"
    UNAPPROVED = "unapproved"
    RETRIED = "retried"
    ENDED = "ended"
    DISMISSED = "dismissed"
    RELEASED = "released"
    ASSIGNED = "assigned"
    CLOSED = "closed"
    RESOLVED_BREAK = "resolved_break"
    MATCHED = "matched"
    ENABLED = "enabled"
    SWITCHED = "switched"
    CANCELLED_JOB = "cancelled_job"


SENTENCES = {
    Done.RESOLVED: "The outage is resolved, and its verdict is below.",
    Done.AMENDED: "The outage is corrected.",
    Done.CANCELLED: "The outage is cancelled.",
    Done.REOPENED: "The verdict is taken back, and the outage is open again.",
    Done.VOIDED: "The debt is voided: nothing will be paid.",
    Done.FILED: "The dispute is filed; the money waits for its decision.",
    Done.WITHDRAWN: "The dispute is withdrawn.",
    Done.DECIDED: "The dispute is as you said.",
    Done.APPROVED: "Your approval is on record.",
    Done.UNAPPROVED: "Your approval is withdrawn.",
    Done.RETRIED: "It is tried again now.",
    Done.ENDED: "The end is on record; the outage is resolved at that instant.",
    Done.DISMISSED: "It is dismissed.",
    Done.RELEASED: "It is released from quarantine.",
    Done.ASSIGNED: "Its owner is on record.",
    Done.CLOSED: "The break is closed.",
    Done.RESOLVED_BREAK: "What became of the money is on record.",
    Done.MATCHED: "The transfer is matched: it is the payment.",
    Done.ENABLED: "The webhook is active again; what waited is delivered.",
    Done.SWITCHED: "The circuit breaker is switched.",
    Done.CANCELLED_JOB: "The job is cancelled, at its next step if it runs.",
}


@dataclass(frozen=True, slots=True)
class MenuEntry:
    path: str
    name: str
    # Any of these lets in.
    permissions: frozenset[Permission]


_ALL = frozenset({Permission.OUTAGES_READ, Permission.OWN_READ})
_STAFF = frozenset({Permission.OUTAGES_READ})
MENU = (
    MenuEntry("/console", "Overview", _ALL),
    MenuEntry("/console/outages", "Outages", _ALL),
    MenuEntry("/console/attention", "Needs a person", _STAFF),
    MenuEntry("/console/analytics", "Analytics", _ALL),
    MenuEntry("/console/treasuries", "Treasuries", frozenset({Permission.PAYMENTS_READ})),
    MenuEntry("/console/jobs", "Jobs", frozenset({Permission.JOBS_READ})),
    MenuEntry("/console/sources", "Sources", _STAFF),
)


def render_page(
    request: Request,
    caller: Principal | None,
    template: str,
    refused: FormRefusal | None = None,
    done: Done | None = None,
    **shown: Any,
) -> Response:
    """Return a page for whoever is logged in; a refusal on it gives the answer its status."""
    cookie = request.cookies.get(SESSION_COOKIE)
    content = render_template(
        template,
        **shown,
        caller=caller,
        path=request.url.path,
        refused=refused,
        done=None if done is None else SENTENCES[done],
        csrf_token=derive_csrf_token(cookie) if cookie else "",
        once=secrets.token_urlsafe(12),
        menu=[] if caller is None else [e for e in MENU if e.permissions & caller.permissions],
        granted=frozenset() if caller is None else caller.permissions,
    )
    if refused is None:
        return HTMLResponse(content, headers=HEADERS)
    return HTMLResponse(content, refused.status, HEADERS | dict(refused.headers))


def render_template(name: str, **shown: Any) -> str:
    return load_templates().get_template(name).render(shown)


@cache
def load_templates() -> Environment:
    """Return the templates; whatever is put into one is escaped, and what is missing is an error."""
    found = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "instant": show_instant,
        "usdc": show_usdc,
        "words": show_words,
        "duration": show_duration,
        "evidence": show_evidence,
    }
    return found


def show_instant(instant: datetime | str | None) -> Markup:
    """Write an instant in UTC, to the minute, with the exact one beside it for programs."""
    if instant is None:
        return Markup("–")
    if isinstance(instant, str):
        instant = datetime.fromisoformat(instant)
    at = instant.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(timespec="seconds").replace("+00:00", "Z"), f"{at:%Y-%m-%d %H:%M} UTC"
    )


def show_usdc(stroops: int | str | None) -> str:
    if stroops is None:
        return "–"
    whole, point, fraction = format_amount(int(stroops)).partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{abs(int(whole)):,}{point}{fraction} USDC"


def show_words(code: object) -> str:
    """Write a code as words; none at all as a dash."""
    return "–" if code is None or code == "" else str(code).replace("_", " ")


def show_duration(seconds: float | None) -> str:
    """Write how long something is, in its two largest units."""
    if seconds is None:
        return "–"
    left, parts = round(abs(seconds)), list[str]()
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count and len(parts) < 2:
            parts.append(f"{count} {name}")
    return " ".join(parts) or "0 s"


def show_evidence(evidence: Mapping[str, Any]) -> str:
    return json.dumps(evidence, ensure_ascii=False, indent=1, default=str)


def find_age(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max(now - since, timedelta()).total_seconds()


@router.get("/style.css")
async def get_style() -> Response:
    return _answer_file("style.css", "text/css")


@router.get("/icon.svg")
async def get_icon() -> Response:
    return _answer_file("icon.svg", "image/svg+xml")


def _answer_file(name: str, kind: str) -> Response:
    content = _read_file(name)
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    # Asked for again each time, and sent when it has changed.
    kept = {"Cache-Control": "no-cache", "ETag": tag}
    return Response(content, media_type=kind, headers=HEADERS | kept)


@cache
def _read_file(name: str) -> bytes:
    return (FOLDER / name).read_bytes()
