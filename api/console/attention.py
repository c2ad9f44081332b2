"""/console/attention: whatever needs a person, each with the action beside it."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from adapters.postgres.settlement.listings.payments import PaymentFilter
from api.access.permissions import require
from api.console.forms.attention_forms import (
    list_break_forms,
    list_delivery_forms,
    list_episode_forms,
    list_halt_forms,
    list_message_forms,
    list_resolution_forms,
    list_webhook_forms,
)
from api.console.forms.outage_forms import ActionForm, list_dispute_forms
from api.console.forms.payment_forms import list_approval_forms, list_retry_forms
from api.console.forms.submissions import FormRefusal, read_form
from api.console.pages import Done, render_page
from api.dependencies import Caller, CursorPage, Engine, Running
from api.routes import deliveries, webhooks
from api.routes.accounting import integrity_checks, reconciliation
from api.routes.settlement import approvals, circuit_breakers, payments
from api.routes.sla import disputes
from api.routes.sla.intake import episodes, messages
from domain.access.permissions import Permission
from domain.access.principals import Principal
from domain.access.scopes import EVERYTHING
from domain.accounting.breaks import BreakStatus
from domain.deliveries import DeliveryStatus
from domain.settlement.payments import STOPPED
from domain.sla.disputes import UNDECIDED
from domain.sla.intake.episodes import EpisodeStatus
from domain.sla.intake.messages import MessageStatus

router = APIRouter(prefix="/console", include_in_schema=False, dependencies=[Depends(read_form)])
PATH = "/console/attention"
# Of each kind; of those that the API does not count, one more is read, to say that there are more.
SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """Something that waits for a person: its view as the API shows it, and what may be done."""

    view: Any
    forms: list[ActionForm]


@dataclass(frozen=True, slots=True)
class AttentionSection:
    """`more` says that there are others, which are not shown."""

    key: str
    title: str
    items: list[AttentionItem]
    count: int
    more: bool


Read = Callable[[Engine, Principal], Awaitable[tuple[list[AttentionItem], int]]]
FIRST = CursorPage(1, SHOWN_MAX)


def _pair(views: Iterable[Any], make: Callable[[Any], Iterator[ActionForm]]) -> list[AttentionItem]:
    return [AttentionItem(view, list(make(view))) for view in views]


async def _read_halt(engine: Engine, caller: Principal) -> tuple[list[AttentionItem], int]:
    state = await circuit_breakers.get_circuit_breaker(engine.database)
    shown = _pair([state], lambda view: list_halt_forms(view, caller))
    return shown, int(state.is_open)


async def _read_approvals(engine: Engine, caller: Principal) -> tuple[list[AttentionItem], int]:
    found = await approvals.list_waiting(engine.database, FIRST)
    items = _pair(found.items, lambda view: list_approval_forms(view.payment, caller, PATH))
    return items, found.total


async def _read_payments(engine: Engine, caller: Principal) -> tuple[list[AttentionItem], int]:
    wanted = PaymentFilter(statuses=sorted(STOPPED))
    found = await payments.list_payments(engine.database, EVERYTHING, FIRST, wanted)
    return _pair(found.items, lambda view: list_retry_forms(view, caller, PATH)), found.total


async def _read_disputes(engine: Engine, caller: Principal) -> tuple[list[AttentionItem], int]:
    items, total = list[AttentionItem](), 0
    for status in sorted(UNDECIDED):
        found = await disputes.list_disputes(engine.database, EVERYTHING, FIRST, None, status)
        items += _pair(found.items, lambda view: list_dispute_forms(view, caller, PATH))
        total += found.total
    return items, total


def _read_episodes(status: EpisodeStatus) -> Read:
    async def read(engine: Engine, caller: Principal) -> tuple[list[AttentionItem], int]:
        page = CursorPage(1, SHOWN_MAX + 1)
        found = await episodes.list_episodes(engine.database, page, Response(), status)
        return _pair(found, lambda view: list_episode_forms(view, caller)), len(found)

    return read


async def _read_messages(engine: Engine, caller: Principal) -> tuple[list[AttentionItem], int]:
    page = CursorPage(1, SHOWN_MAX + 1)
    found = await messages.list_messages(
        engine.database, page, Response(), MessageStatus.QUARANTINED
    )
    return _pair(found, lambda view: list_message_forms(view, caller)), len(found)


async def _read_breaks(engine: Engine, caller: Principal) -> tuple[list[AttentionItem], int]:
    found = await reconciliation.list_breaks(engine.database, FIRST, status=BreakStatus.OPEN)
    return _pair(found.items, lambda view: list_break_forms(view, caller)), found.total


async def _read_losses(engine: Engine, caller: Principal) -> tuple[list[AttentionItem], int]:
    found = await reconciliation.list_breaks(engine.database, FIRST, in_suspense=True)
    return _pair(found.items, lambda view: list_resolution_forms(view, caller)), found.total


async def _read_violations(engine: Engine, caller: Principal) -> tuple[list[AttentionItem], int]:
    found = await integrity_checks.list_violations(engine.database, FIRST, unresolved=True)
    return _pair(found.items, lambda view: iter(())), found.total


async def _read_webhooks(engine: Engine, caller: Principal) -> tuple[list[AttentionItem], int]:
    found = [each for each in await webhooks.list_webhooks(engine.database) if not each.active]
    return _pair(found, list_webhook_forms), len(found)


async def _read_deliveries(engine: Engine, caller: Principal) -> tuple[list[AttentionItem], int]:
    items: list[AttentionItem] = []
    for webhook in await webhooks.list_webhooks(engine.database):
        left = SHOWN_MAX + 1 - len(items)
        if left > 0:
            failed = await deliveries.list_deliveries(
                webhook.id, engine.database, Response(), DeliveryStatus.FAILED, left
            )
            make = list_delivery_forms(webhook, PATH)
            items += _pair(failed, make)
    return items, len(items)


# In the order of what it costs to leave it: each with the permission of the API's route that lists it.
SECTIONS: tuple[tuple[str, str, Permission, Read], ...] = (
    ("halt", "Circuit breaker", Permission.PAYMENTS_READ, _read_halt),
    ("violations", "Violations of the journal", Permission.JOURNAL_READ, _read_violations),
    ("breaks", "Breaks", Permission.JOURNAL_READ, _read_breaks),
    ("suspense", "Losses in suspense", Permission.JOURNAL_READ, _read_losses),
    ("disputes", "Disputes to decide", Permission.DISPUTES_READ, _read_disputes),
    ("approvals", "Payments to approve", Permission.PAYMENTS_READ, _read_approvals),
    ("payments", "Payments that are stopped", Permission.PAYMENTS_READ, _read_payments),
    (
        "ends",
        "Ends that nobody knows",
        Permission.OUTAGES_READ,
        _read_episodes(EpisodeStatus.END_UNKNOWN),
    ),
    (
        "alerts",
        "Alerts in quarantine",
        Permission.OUTAGES_READ,
        _read_episodes(EpisodeStatus.QUARANTINED),
    ),
    ("notices", "Notices in quarantine", Permission.OUTAGES_READ, _read_messages),
    ("webhooks", "Webhooks that are not active", Permission.WEBHOOKS_MANAGE, _read_webhooks),
    ("deliveries", "Deliveries that failed", Permission.WEBHOOKS_MANAGE, _read_deliveries),
)


async def read_sections(engine: Engine, caller: Principal) -> list[AttentionSection]:
    """Return what the caller may see of all that needs a person, without what is empty."""
    if not caller.may(Permission.OUTAGES_READ):
        return []
    found = []
    for key, title, permission, read in SECTIONS:
        if caller.may(permission):
            items, count = await read(engine, caller)
            more = count > SHOWN_MAX
            found.append(
                AttentionSection(key, title, items[:SHOWN_MAX], min(count, SHOWN_MAX), more)
            )
    return found


async def count_sections(engine: Engine, caller: Principal) -> list[AttentionSection]:
    """Return the sections in which something waits."""
    return [each for each in await read_sections(engine, caller) if each.count]


@router.get("/attention", dependencies=[require(Permission.OUTAGES_READ)])
async def show_attention(
    request: Request,
    engine: Running,
    caller: Caller,
    done: Annotated[Done | None, Query()] = None,
) -> Response:
    return await render_attention(request, engine, caller, done=done)


async def render_attention(
    request: Request,
    engine: Engine,
    caller: Principal,
    *,
    refused: FormRefusal | None = None,
    done: Done | None = None,
) -> Response:
    sections = await read_sections(engine, caller)
    return render_page(*(request, caller, "attention.html", refused, done), sections=sections)
