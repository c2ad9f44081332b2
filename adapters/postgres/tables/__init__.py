"""Every table: one file for each part of the book."""

from adapters.postgres.tables.auth import api_keys
from adapters.postgres.tables.events import (
    audit_leaves,
    deliveries,
    events,
    webhooks,
)
from adapters.postgres.tables.ledger import entries, postings
from adapters.postgres.tables.metadata import Xid8, metadata
from adapters.postgres.tables.networks import networks
from adapters.postgres.tables.outages import (
    agreements,
    disputes,
    outages,
    policies,
    sla_results,
)
from adapters.postgres.tables.payments import (
    attempts,
    channels,
    envelopes,
    payments,
    shares,
    submissions,
)
from adapters.postgres.tables.reconciliation import (
    breaks,
    chain_cursor,
    chain_gaps,
    chain_transfers,
    reconciliation_runs,
)

__all__ = [
    "Xid8",
    "agreements",
    "api_keys",
    "attempts",
    "audit_leaves",
    "breaks",
    "chain_cursor",
    "chain_gaps",
    "chain_transfers",
    "channels",
    "deliveries",
    "disputes",
    "entries",
    "envelopes",
    "events",
    "metadata",
    "networks",
    "outages",
    "payments",
    "policies",
    "postings",
    "reconciliation_runs",
    "shares",
    "sla_results",
    "submissions",
    "webhooks",
]
