"""Who may open each page and send each form, written by hand: a route that nobody has thought about fails a test."""

from domain.access.permissions import Permission as P

# Whoever sees everything, and a claimant what concerns their own party.
_SCOPED = (
    "GET /console  GET /console/outages  GET /console/outages/{outage_id}  GET /console/analytics"
)
_OF_DISPUTES = """
    POST /console/outages/{outage_id}/disputes
    POST /console/outages/{outage_id}/disputes/{dispute_id}/withdraw
"""
_CLOSED: dict[P, str] = {
    P.OUTAGES_READ: "GET /console/attention  GET /console/sources",
    P.PAYMENTS_READ: "GET /console/treasuries",
    P.JOBS_READ: "GET /console/jobs  GET /console/jobs/{job_id}/output",
    P.JOBS_CANCEL: "POST /console/jobs/{job_id}/cancel  POST /console/jobs/{job_id}/retry",
    P.OUTAGES_RESOLVE: """
        POST /console/outages/{outage_id}/resolve  POST /console/outages/{outage_id}/amend
        POST /console/outages/{outage_id}/cancel  POST /console/outages/{outage_id}/reopen
        POST /console/episodes/{episode_id}/end  POST /console/episodes/{episode_id}/dismiss
        POST /console/episodes/{episode_id}/release  POST /console/messages/{message_id}/dismiss
    """,
    P.PAYMENTS_VOID: "POST /console/outages/{outage_id}/void",
    P.DISPUTES_DECIDE: "POST /console/outages/{outage_id}/disputes/{dispute_id}/decide",
    P.PAYMENTS_APPROVE: """
        POST /console/payments/{payment_id}/approve  POST /console/payments/{payment_id}/unapprove
    """,
    P.PAYMENTS_RETRY: """
        POST /console/payments/{payment_id}/retry  POST /console/payments/{payment_id}/compare
    """,
    P.BREAKS_ASSIGN: "POST /console/breaks/{break_id}/owner",
    P.BREAKS_CLOSE: """
        POST /console/breaks/{break_id}/close  POST /console/breaks/{break_id}/resolution
    """,
    P.PAYMENTS_MATCH: "POST /console/payments/{payment_id}/match",
    P.SETTLEMENT_HALT: "POST /console/circuit-breaker",
    P.WEBHOOKS_MANAGE: """
        POST /console/webhooks/{webhook_id}/activate
        POST /console/webhooks/{webhook_id}/deliveries/{delivery_id}/retry
    """,
}
_PUBLIC = """
    GET /console/login  POST /console/login  POST /console/logout
    GET /console/style.css  GET /console/icon.svg
"""


def _split(routes: str) -> list[str]:
    words = routes.split()
    return [f"{method} {path}" for method, path in zip(words[::2], words[1::2], strict=True)]


def _make_rules() -> dict[str, frozenset[P]]:
    found = dict.fromkeys(_split(_PUBLIC), frozenset[P]())
    found |= dict.fromkeys(_split(_SCOPED), frozenset({P.OUTAGES_READ, P.OWN_READ}))
    found |= dict.fromkeys(_split(_OF_DISPUTES), frozenset({P.DISPUTES_FILE, P.OWN_DISPUTE}))
    for permission, routes in _CLOSED.items():
        found |= dict.fromkeys(_split(routes), frozenset({permission}))
    return found


# By method and path: one of the permissions is enough; none, and it is public.
CONSOLE_RULES = _make_rules()


def list_pages() -> list[str]:
    """Return the paths of the pages that not everybody may open."""
    names = [name for name, asked in CONSOLE_RULES.items() if asked and name.startswith("GET ")]
    return [name.removeprefix("GET ") for name in names if not name.endswith("/output")]
