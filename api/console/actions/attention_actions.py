"""What people do about what needs them: each form calls the API's own route function, and nothing else."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from api.access.permissions import require
from api.bodies import Body, Text
from api.console.actions.outage_actions import show_attention, show_on
from api.console.forms.submissions import Sent, Submission, read_form
from api.console.pages import Done
from api.routes import deliveries, webhooks
from api.routes.accounting import break_resolutions, reconciliation
from api.routes.accounting.break_resolutions import ResolveBreakBody
from api.routes.accounting.reconciliation import CloseBreakBody, OwnerBody
from api.routes.settlement import circuit_breakers
from api.routes.settlement.circuit_breakers import CircuitBreakerBody
from api.routes.sla.intake import episodes, messages
from api.routes.sla.intake.episodes import EndBody, EpisodeDismissalBody, ReleaseBody
from api.routes.sla.intake.messages import MessageDismissalBody
from api.routes.webhooks import WebhookChange
from domain.access.permissions import Permission

router = APIRouter(prefix="/console", include_in_schema=False, dependencies=[Depends(read_form)])
DECIDE = [require(Permission.OUTAGES_RESOLVE)]
MANAGE = [require(Permission.WEBHOOKS_MANAGE)]
Id = Annotated[Text, Path(max_length=64)]


async def _attend(
    sent: Submission, act: Callable[..., Awaitable[Any]], body: type[Body], done: Done
) -> Response:
    """Carry out what a form asks of the thing that `act` is bound to, and show again what needs a person."""
    return await sent.carry_out(
        lambda: act(sent.read(body), sent.engine.database, sent.asked), done, show_attention(sent)
    )


@router.post("/episodes/{episode_id}/end", dependencies=DECIDE)
async def end_episode(episode_id: Id, sent: Sent) -> Response:
    return await _attend(sent, partial(episodes.end_episode, episode_id), EndBody, Done.ENDED)


@router.post("/episodes/{episode_id}/dismiss", dependencies=DECIDE)
async def dismiss_episode(episode_id: Id, sent: Sent) -> Response:
    act = partial(episodes.dismiss_episode, episode_id)
    return await _attend(sent, act, EpisodeDismissalBody, Done.DISMISSED)


@router.post("/episodes/{episode_id}/release", dependencies=DECIDE)
async def release_episode(episode_id: Id, sent: Sent) -> Response:
    act = partial(episodes.release_episode, episode_id)
    return await _attend(sent, act, ReleaseBody, Done.RELEASED)


@router.post("/messages/{message_id}/dismiss", dependencies=DECIDE)
async def dismiss_message(message_id: Id, sent: Sent) -> Response:
    act = partial(messages.dismiss_message, message_id)
    return await _attend(sent, act, MessageDismissalBody, Done.DISMISSED)


@router.post("/breaks/{break_id}/owner", dependencies=[require(Permission.BREAKS_ASSIGN)])
async def assign_break(break_id: Id, sent: Sent) -> Response:
    return await _attend(
        sent, partial(reconciliation.assign_break, break_id), OwnerBody, Done.ASSIGNED
    )


@router.post("/breaks/{break_id}/close", dependencies=[require(Permission.BREAKS_CLOSE)])
async def close_break(break_id: Id, sent: Sent) -> Response:
    async def act() -> None:
        await reconciliation.close_break(
            break_id, sent.read(CloseBreakBody), sent.engine, sent.asked
        )

    return await sent.carry_out(act, Done.CLOSED, show_attention(sent))


@router.post("/breaks/{break_id}/resolution", dependencies=[require(Permission.BREAKS_CLOSE)])
async def resolve_break(break_id: Id, sent: Sent) -> Response:
    async def act() -> None:
        body = sent.read(ResolveBreakBody)
        await break_resolutions.resolve_break(break_id, body, sent.engine.database, sent.asked)

    return await sent.carry_out(act, Done.RESOLVED_BREAK, show_attention(sent))


@router.post("/circuit-breaker", dependencies=[require(Permission.SETTLEMENT_HALT)])
async def switch_circuit_breaker(sent: Sent) -> Response:
    async def act() -> None:
        body = sent.read(CircuitBreakerBody)
        await circuit_breakers.switch_circuit_breaker(body, sent.engine, sent.asked)

    return await sent.carry_out(act, Done.SWITCHED, show_attention(sent))


@router.post("/webhooks/{webhook_id}/activate", dependencies=MANAGE)
async def change_webhook(webhook_id: Id, sent: Sent) -> Response:
    async def act() -> None:
        change = WebhookChange.model_validate({"active": True})
        await webhooks.change_webhook(webhook_id, change, sent.engine, sent.asked)

    return await sent.carry_out(act, Done.ENABLED, show_attention(sent))


@router.post("/webhooks/{webhook_id}/deliveries/{delivery_id}/retry", dependencies=MANAGE)
async def retry_delivery(webhook_id: Id, delivery_id: Id, sent: Sent) -> Response:
    async def act() -> None:
        database = sent.engine.database
        await deliveries.retry_delivery(webhook_id, delivery_id, database, sent.asked)

    show = show_on(sent, sent.back.rpartition("/")[2])
    return await sent.carry_out(act, Done.RETRIED, show)
