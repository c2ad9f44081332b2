"""The forms beside what needs a person: what whoever looks may do about it."""

from collections.abc import Callable, Iterator
from functools import partial

from api.console.forms.outage_forms import NOTE, REASON, ActionForm, FormField
from api.console.forms.payment_forms import make_match_form
from api.routes.accounting.reconciliation import BreakView
from api.routes.deliveries import DeliveryView
from api.routes.settlement.circuit_breakers import CircuitBreakerView
from api.routes.sla.intake.episodes import EpisodeView
from api.routes.sla.intake.messages import MessageView
from api.routes.webhooks import WebhookView
from domain.access.permissions import Permission
from domain.access.principals import Principal
from domain.accounting.break_resolutions import BreakResolutionOutcome
from domain.accounting.breaks import NOTE_MAX, AdjustmentKind, BreakKind, BreakStatus
from domain.sla.intake.episodes import EpisodeStatus

PATH = "/console/attention"
BACK = {"back": PATH}


def list_halt_forms(state: CircuitBreakerView, caller: Principal) -> Iterator[ActionForm]:
    if caller.may(Permission.SETTLEMENT_HALT):
        action, title = ("close", "Close it: settle again")
        if not state.is_open:
            action, title = ("open", "Open it: settle nothing new")
        path = "/console/circuit-breaker"
        hidden = BACK | {"action": action}
        yield ActionForm("halt", path, title, action.capitalize(), (REASON,), hidden, final=True)


def list_episode_forms(episode: EpisodeView, caller: Principal) -> Iterator[ActionForm]:
    if not caller.may(Permission.OUTAGES_RESOLVE):
        return
    path, id_ = f"/console/episodes/{episode.id}", episode.id
    if episode.status is EpisodeStatus.END_UNKNOWN:
        ended = FormField("ended_at", "Ended at", "instant", "UTC", required=True)
        title = "Give the end that nobody told"
        yield ActionForm(f"end-{id_}", f"{path}/end", title, "It ended then", (ended, NOTE), BACK)
    else:
        times = (
            FormField("began_at", "Began at", "instant", "UTC; only if what is known is wrong"),
            FormField("ended_at", "Ended at", "instant", "UTC; only if what is known is wrong"),
        )
        title = "Release it: its outage is declared"
        yield ActionForm(f"release-{id_}", f"{path}/release", title, "Release", times, BACK)
    title = "Dismiss it: it was no outage"
    fields, action = (REASON,), f"{path}/dismiss"
    yield ActionForm(f"dismiss-{id_}", action, title, "Dismiss", fields, BACK, final=True)


def list_message_forms(message: MessageView, caller: Principal) -> Iterator[ActionForm]:
    if caller.may(Permission.OUTAGES_RESOLVE):
        path, title = f"/console/messages/{message.id}/dismiss", "It has been seen to"
        yield ActionForm(f"dismiss-{message.id}", path, title, "Dismiss", (REASON,), BACK)


def list_break_forms(view: BreakView, caller: Principal) -> Iterator[ActionForm]:
    path, id_ = f"/console/breaks/{view.id}", view.id
    if view.status is not BreakStatus.OPEN:
        return
    if caller.may(Permission.BREAKS_ASSIGN):
        owner = FormField("owner", "Owner", value=view.owner, required=True, length=100)
        title = "Say who looks after it"
        yield ActionForm(f"owner-{id_}", f"{path}/owner", title, "Assign", (owner,), BACK)
    if caller.may(Permission.BREAKS_CLOSE):
        kinds = tuple(map(str, AdjustmentKind))
        hint = "suspense posts the difference there; none, where there is nothing to post"
        fields = (
            FormField("adjustment", "Adjustment", "choice", hint, options=kinds, required=True),
            FormField("note", "Note", "area", required=True, length=NOTE_MAX),
        )
        title, action = "Close it", f"{path}/close"
        yield ActionForm(f"close-{id_}", action, title, "Close", fields, BACK, final=True)
    paid = view.kind is BreakKind.MISSING_IN_JOURNAL and view.transaction_hash is not None
    if paid and view.payment_id is not None and caller.may(Permission.PAYMENTS_MATCH):
        yield make_match_form(view.payment_id, PATH, view.transaction_hash or "")


def list_resolution_forms(view: BreakView, caller: Principal) -> Iterator[ActionForm]:
    """Of a closed break whose loss is in suspense."""
    if caller.may(Permission.BREAKS_CLOSE):
        hint = "recovered: it is in the treasury again; written off: it is given up"
        outcomes = tuple(map(str, BreakResolutionOutcome))
        fields = (
            FormField("outcome", "Outcome", "choice", hint, options=outcomes, required=True),
            FormField("note", "Note", "area", required=True, length=NOTE_MAX),
        )
        key, path = f"resolve-{view.id}", f"/console/breaks/{view.id}/resolution"
        title = "Say what became of the money"
        yield ActionForm(key, path, title, "Record it", fields, BACK, final=True)


def list_webhook_forms(webhook: WebhookView) -> Iterator[ActionForm]:
    """Who sees it may also change it."""
    path, title = f"/console/webhooks/{webhook.id}/activate", "Activate it: what waits is delivered"
    yield ActionForm(f"activate-{webhook.id}", path, title, "Activate", (), BACK)


def list_delivery_forms(
    webhook: WebhookView, back: str
) -> Callable[[DeliveryView], Iterator[ActionForm]]:
    return partial(_list_retries, webhook.id, back)


def _list_retries(webhook_id: str, back: str, delivery: DeliveryView) -> Iterator[ActionForm]:
    yield make_delivery_retry(webhook_id, delivery.id, back)


def make_delivery_retry(webhook_id: str, delivery_id: str, back: str) -> ActionForm:
    path = f"/console/webhooks/{webhook_id}/deliveries/{delivery_id}/retry"
    title = "Deliver it again now"
    return ActionForm(f"retry-{delivery_id}", path, title, "Deliver again", (), {"back": back})
