"""
Whose data each route shows, and who may call it: written by hand, so that a route which nobody has thought
about fails a test. The routes themselves are not asked.
"""

from dataclasses import dataclass
from enum import StrEnum

from domain.access.permissions import Permission as P


class Kind(StrEnum):
    """What a claimant is answered."""

    CLOSED = "closed"  # 403, whatever they name
    ONE = "one"  # their own; for another party's the same 404 as for none
    MADE = "made"  # what they asked for themselves; 404 for what anybody else did
    EMPTY = "empty"  # their own; for another party's the same emptiness as for none
    MANY = "many"  # what is theirs, and no trace of the rest
    OWNING = "owning"  # a registration for their party alone
    SELF = "self"  # what is the caller's alone
    ANYONE = "anyone"  # nobody's data


@dataclass(frozen=True)
class OwnershipRule:
    permission: P | None  # that of whoever sees everything
    kind: Kind


_READ: dict[P, dict[Kind, str]] = {
    P.OUTAGES_READ: {
        Kind.MANY: """
            GET /outages
            GET /outages/export
            GET /outages/violations
            GET /exports/outages
            GET /exports/verdicts
            GET /exports/analytics
            GET /sla/analytics/dashboard
            GET /sla/analytics/exposure
            GET /sla/analytics/forecast
            GET /sla/analytics/mttr
            GET /sla/analytics/trends
            GET /sla/performance/aggregation
        """,
        Kind.ONE: """
            GET /agreements/{agreement}/uptime
            GET /outages/{outage_id}
            GET /outages/{outage_id}/timeline
            GET /sla/results/{outage_id}
        """,
        Kind.MADE: "GET /exports/receipts/{export_id}",
        Kind.CLOSED: """
            POST /exports/outages
            POST /exports/verdicts
            POST /exports/analytics
            GET /outages/bulk/history
            GET /imports
            GET /intake/episodes
            GET /intake/episodes/{episode_id}
            GET /intake/maintenance-windows
            GET /intake/messages
            GET /intake/messages/{message_id}
            GET /intake/sources
        """,
    },
    P.DISPUTES_READ: {
        Kind.MANY: "GET /sla/disputes  GET /exports/disputes",
        Kind.CLOSED: "POST /exports/disputes",
        Kind.ONE: """
            GET /sla/disputes/{dispute_id}
            GET /sla/disputes/{dispute_id}/history
        """,
    },
    P.DISPUTES_FILE: {
        Kind.ONE: """
            POST /sla/disputes
            POST /sla/disputes/{dispute_id}/withdraw
        """,
    },
    P.PAYMENTS_READ: {
        Kind.MANY: """
            GET /payments
            GET /payments/export
            GET /exports/payments
        """,
        Kind.ONE: """
            GET /payments/{payment_id}
            GET /payments/{payment_id}/history
            GET /payments/{payment_id}/trace
        """,
        Kind.EMPTY: "GET /payments/{payment_id}/manual-match",
        Kind.CLOSED: """
            POST /exports/payments
            GET /payments/approvals
            GET /payments/{payment_id}/approvals
            GET /payments/circuit-breaker
            GET /payments/limits
            GET /treasuries
        """,
    },
    P.JOURNAL_READ: {Kind.MANY: "GET /exports/finance", Kind.CLOSED: "POST /exports/finance"},
    P.EVENTS_READ: {Kind.MANY: "GET /events"},
    P.WALLETS_READ: {
        Kind.MANY: "GET /wallets",
        Kind.ONE: """
            GET /wallets/address/{address}/balance
            GET /wallets/{address}
            GET /wallets/{holder}/balance
            GET /wallets/{holder}/status
        """,
        Kind.EMPTY: "GET /agreements/{agreement}/payouts/{role}",
    },
    P.WALLETS_WRITE: {
        Kind.ONE: """
            POST /wallets/{address}/challenges
            POST /wallets/{address}/proofs
            POST /wallets/{address}/refresh
        """,
        Kind.OWNING: """
            POST /wallets
            POST /wallets/link
        """,
        Kind.CLOSED: """
            POST /wallets/create
            GET /wallets/friendbot
            POST /wallets/{address}/fund
        """,
    },
    P.POLICIES_READ: {
        Kind.MANY: "GET /agreements",
        Kind.ONE: """
            GET /agreements/{agreement}
            GET /agreements/{agreement}/time-zone
            GET /agreements/{agreement}/versions
            GET /sla/calculate
        """,
        Kind.CLOSED: """
            GET /sla/config
            GET /sla/config/history
            GET /sla/config/token
            GET /sla/config/{severity}
            GET /sla/config/{severity}/token
            GET /sla/policies
            GET /sla/policies/{name}/{version}
            POST /sla/preview
            GET /parties
            GET /parties/{party_id}
        """,
    },
    P.SELF_MANAGE: {
        Kind.SELF: """
            GET /auth/events
            POST /auth/logout-all
            GET /auth/me
            POST /auth/me/password
            PATCH /auth/me/profile
            GET /auth/sessions
            DELETE /auth/sessions/{session_id}
            GET /user/preferences
            PUT /user/preferences
        """
    },
}
# What is never a claimant's.
_CLOSED: dict[P, str] = {
    P.AUDIT_READ: """
        GET /audit  GET /audit/export  GET /audit/verify
        GET /exports/audit  POST /exports/audit
    """,
    P.BREAKS_ASSIGN: "POST /reconciliation/breaks/{break_id}/owner",
    P.BREAKS_CLOSE: """
        POST /reconciliation/breaks/{break_id}/close
        POST /reconciliation/breaks/{break_id}/resolution
    """,
    P.DISPUTES_DECIDE: "PATCH /sla/disputes/{dispute_id}",
    P.JOURNAL_READ: """
        GET /integrity-checks
        GET /integrity-checks/violations
        GET /payments/ledger
        GET /reconciliation
        GET /reconciliation/breaks
        GET /reconciliation/breaks/{break_id}
        GET /reconciliation/breaks/{break_id}/resolution
        GET /sla/analytics/snapshots
        GET /sla/analytics/snapshots/{snapshot_id}
        GET /sla/analytics/snapshots/{snapshot_id}/reconcile
        GET /sla/analytics/snapshots/{snapshot_id}/verify
    """,
    P.JOBS_CANCEL: """
        POST /jobs/{job_id}/cancel  DELETE /jobs/{job_id}
        POST /jobs/{job_id}/retry
    """,
    P.JOBS_READ: """
        GET /jobs  GET /jobs/{job_id}
        GET /jobs/{job_id}/output
    """,
    P.KEYS_MANAGE: """
        POST /api-keys  GET /api-keys
        DELETE /api-keys/{key_id}
        POST /api-keys/{key_id}/rotate
    """,
    P.OUTAGES_DECLARE: "POST /outages  POST /outages/bulk  POST /imports",
    P.OUTAGES_RESOLVE: """
        PATCH /outages/{outage_id}  PUT /outages/{outage_id}  DELETE /outages/{outage_id}
        POST /outages/{outage_id}/cancel  POST /outages/{outage_id}/reopen
        POST /outages/{outage_id}/recompute-sla
        POST /jobs/recomputations
        POST /outages/{outage_id}/resolve
        POST /intake/episodes/{episode_id}/dismiss
        POST /intake/episodes/{episode_id}/end
        POST /intake/episodes/{episode_id}/release
        POST /intake/messages/{message_id}/dismiss
    """,
    P.PAYMENTS_APPROVE: """
        POST /payments/{payment_id}/approvals
        DELETE /payments/{payment_id}/approvals
    """,
    P.PAYMENTS_MATCH: "POST /payments/{payment_id}/manual-match",
    P.PAYMENTS_RETRY: "POST /payments/{payment_id}/reconcile  POST /payments/{payment_id}/retry",
    P.PAYOUTS_WRITE: """
        PUT /agreements/{agreement}/payouts/{role}
        DELETE /agreements/{agreement}/payouts/{role}
    """,
    P.PEOPLE_MANAGE: """
        POST /auth/admin/logout-all/{email}
        GET /auth/admin/sessions/{email}
        GET /people  POST /people
        PATCH /people/{email}
    """,
    P.POLICIES_WRITE: """
        PUT /sla/config  PUT /sla/config/{severity}  POST /sla/policies
        POST /agreements  POST /agreements/{agreement}/versions  POST /parties
        PUT /agreements/{agreement}/time-zone
    """,
    P.SNAPSHOTS_TAKE: "POST /sla/analytics/snapshots  POST /jobs/snapshots",
    P.PAYMENTS_VOID: "POST /outages/{outage_id}/void",
    P.SETTLEMENT_HALT: "POST /payments/circuit-breaker",
    P.SOURCES_MANAGE: """
        POST /intake/sources
        PATCH /intake/sources/{name}  DELETE /intake/sources/{name}
        POST /intake/sources/{name}/secrets
    """,
    P.WEBHOOKS_MANAGE: """
        GET /webhooks  POST /webhooks
        PATCH /webhooks/{webhook_id}  DELETE /webhooks/{webhook_id}  GET /webhooks/{webhook_id}
        GET /webhooks/{webhook_id}/deliveries
        GET /webhooks/{webhook_id}/deliveries/{delivery_id}
        POST /webhooks/{webhook_id}/redeliver
        GET /webhooks/{webhook_id}/secrets
        POST /webhooks/{webhook_id}/secrets
        POST /webhooks/{webhook_id}/test
        POST /webhooks/{webhook_id}/deliveries/{delivery_id}/retry
    """,
}
# tests/api/access/test_permissions.py has them one by one. /metrics lets in who has a token, or sees everything.
_PUBLIC = """
    GET /.well-known/jwks.json
    POST /auth/login  POST /auth/logout  POST /auth/refresh  POST /auth/register
    GET /events/schemas  GET /events/schemas/{event_type}
    GET /health  GET /health/liveness  GET /health/readiness  GET /health/stack
    GET /openapi.json  GET /docs  GET /docs/errors  GET /docs/style.css  GET /redoc
    GET /metrics
    POST /intake/alertmanager/{source}
    POST /intake/maintnote/{source}
    POST /intake/pagerduty/{source}
    POST /intake/statuspage/{source}
    POST /intake/zabbix/{source}
"""


def _split(routes: str) -> list[str]:
    words = routes.split()
    return [f"{method} {path}" for method, path in zip(words[::2], words[1::2], strict=True)]


def list_rules() -> dict[str, OwnershipRule]:
    """Return the rule of each route, by its method and its path below /api/v1."""
    found = {name: OwnershipRule(None, Kind.ANYONE) for name in _split(_PUBLIC)}
    for permission, routes in _CLOSED.items():
        found |= {name: OwnershipRule(permission, Kind.CLOSED) for name in _split(routes)}
    for permission, kinds in _READ.items():
        for kind, routes in kinds.items():
            found |= {name: OwnershipRule(permission, kind) for name in _split(routes)}
    return found
