"""The forms beside an outage: what the person who looks may do with it as it stands, and nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from api.protocol.etags import make_tag
from api.rendering.disputes import DisputeView
from api.views import OutageView
from domain.access.permissions import Permission
from domain.access.principals import Principal
from domain.sla.disputes import UNDECIDED
from domain.sla.outage_rules import VOIDABLE
from domain.sla.outages import OutageStatus
from domain.sla.verdicts import Severity

SEVERITIES = tuple(map(str, Severity))


@dataclass(frozen=True, slots=True)
class FormField:
    """`kind` is how it is asked: text, area, number, instant or choice."""

    name: str
    label: str
    kind: str = "text"
    hint: str = ""
    value: Any = None
    options: tuple[str, ...] = ()
    required: bool = False
    length: int = 2000


@dataclass(frozen=True, slots=True)
class ActionForm:
    """`key` is unique on its page; `hidden` is sent as it is."""

    key: str
    action: str
    title: str
    button: str
    fields: tuple[FormField, ...] = ()
    hidden: Mapping[str, str] = field(default_factory=dict)
    # What cannot be taken back.
    final: bool = False


def make_view_tag(view: BaseModel) -> str:
    """Return the ETag of a view that has no version."""
    return make_tag(view.model_dump_json().encode())


NOTE = FormField("note", "Note", "area", length=500)
REASON = FormField("reason", "Reason", "area", required=True, length=300)
MINUTES = FormField("mttr_minutes", "Minutes to repair", "number", "stated by you; they win")


def list_outage_forms(outage: OutageView, tag: str, caller: Principal) -> Iterator[ActionForm]:
    """Yield what may be done with an outage itself."""
    path, state = f"/console/outages/{outage.id}", outage.lifecycle
    hidden = {"tag": tag, "back": path}
    if caller.may(Permission.OUTAGES_RESOLVE):
        if state is OutageStatus.DECLARED:
            yield _make_resolution(path, hidden)
        if state is OutageStatus.DISPUTABLE:
            title = "Reopen: the service was not back"
            yield ActionForm("reopen", f"{path}/reopen", title, "Reopen", (REASON,), hidden)
        if state not in (OutageStatus.CANCELLED, OutageStatus.VOIDED):
            yield _make_amendment(outage, path, hidden)
        if state is OutageStatus.DECLARED:
            title = "Cancel: it was no outage"
            yield ActionForm(
                "cancel",
                f"{path}/cancel",
                title,
                "Cancel the outage",
                (REASON,),
                hidden,
                final=True,
            )
    files = {Permission.DISPUTES_FILE, Permission.OWN_DISPUTE} & caller.permissions
    if files and state is OutageStatus.DISPUTABLE:
        title, back = "Dispute the verdict", {"back": path}
        yield ActionForm("dispute", f"{path}/disputes", title, "File", (REASON,), back)
    if caller.may(Permission.PAYMENTS_VOID) and state in VOIDABLE:
        title = "Void: nothing is owed"
        yield ActionForm("void", f"{path}/void", title, "Void", (REASON,), hidden, final=True)


def _make_resolution(path: str, hidden: Mapping[str, str]) -> ActionForm:
    fields = (
        FormField("resolved_at", "Back since", "instant", "UTC; this or the minutes"),
        MINUTES,
        FormField("root_cause", "Root cause", "area"),
        FormField("resolution_notes", "Notes", "area"),
    )
    title = "Resolve: the service is back"
    return ActionForm("resolve", f"{path}/resolve", title, "Resolve", fields, hidden)


def _make_amendment(outage: OutageView, path: str, hidden: Mapping[str, str]) -> ActionForm:
    """After the verdict only what does not bear on it can be corrected."""
    fields = [
        FormField("assigned_to", "Assigned to", value=outage.assigned_to, length=200),
        FormField("description", "Description", "area", value=outage.description),
        FormField("root_cause", "Root cause", "area", value=outage.root_cause),
        FormField("resolution_notes", "Notes", "area", value=outage.resolution_notes),
    ]
    if outage.lifecycle is OutageStatus.DECLARED:
        fields = [
            FormField("severity", "Severity", "choice", value=outage.severity, options=SEVERITIES),
            FormField("site_name", "Site", value=outage.site_name, required=True, length=200),
            *fields,
        ]
    return ActionForm("amend", f"{path}/amend", "Correct or assign", "Save", tuple(fields), hidden)


DECISION = (
    FormField(
        "action",
        "Decision",
        "choice",
        "review takes it up; resolve upholds it; reject leaves the verdict",
        options=("review", "resolve", "reject"),
        required=True,
    ),
    FormField("resolution_note", "Note", "area", length=200),
    FormField("mttr_minutes", "Corrected minutes", "number", "only if it is upheld"),
    FormField(
        *("severity", "Corrected severity", "choice", "only if it is upheld"),
        options=("", *SEVERITIES),
    ),
)


def list_dispute_forms(
    dispute: DisputeView, caller: Principal, back: str | None = None
) -> Iterator[ActionForm]:
    """Yield what may be done with a dispute that nobody has decided."""
    if dispute.status not in UNDECIDED:
        return
    path, id_ = f"/console/outages/{dispute.outage_id}/disputes/{dispute.id}", dispute.id
    own = {"back": back or f"/console/outages/{dispute.outage_id}"}
    if caller.may(Permission.DISPUTES_DECIDE):
        seen, action = own | {"tag": make_view_tag(dispute)}, f"{path}/decide"
        yield ActionForm(f"decide-{id_}", action, "Decide", "Decide", DECISION, seen)
    files = {Permission.DISPUTES_FILE, Permission.OWN_DISPUTE} & caller.permissions
    if files and (dispute.filed_by == caller.name or caller.may(Permission.OWN_DISPUTE)):
        note, title = (FormField("note", "Note", "area", length=200),), "Withdraw this dispute"
        action = f"{path}/withdraw"
        yield ActionForm(f"withdraw-{id_}", action, title, "Withdraw", note, own, final=True)
