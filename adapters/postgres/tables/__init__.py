"""Every table: one file for each part of the book."""

from adapters.postgres.tables.attestations import (
    attestations,
    contract_calls,
    execution_modes,
)
from adapters.postgres.tables.auth import api_keys
from adapters.postgres.tables.events import (
    audit_leaves,
    deliveries,
    events,
    webhooks,
)
from adapters.postgres.tables.inspections import findings, inspections
from adapters.postgres.tables.ledger import accounts, balances, entries, postings
from adapters.postgres.tables.limits import (
    approvals,
    authorisations,
    breakers,
    limits,
    spending,
)
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
    adoptions,
    breaks,
    chain_cursor,
    chain_gaps,
    chain_transfers,
    clearings,
    reconciliation_runs,
)
from adapters.postgres.tables.wallets import payouts, wallet_challenges, wallets

__all__ = [
    "Xid8",
    "accounts",
    "adoptions",
    "agreements",
    "api_keys",
    "approvals",
    "attempts",
    "attestations",
    "audit_leaves",
    "authorisations",
    "balances",
    "breakers",
    "breaks",
    "chain_cursor",
    "chain_gaps",
    "chain_transfers",
    "channels",
    "clearings",
    "contract_calls",
    "deliveries",
    "disputes",
    "entries",
    "envelopes",
    "events",
    "execution_modes",
    "findings",
    "inspections",
    "limits",
    "metadata",
    "networks",
    "outages",
    "payments",
    "payouts",
    "policies",
    "postings",
    "reconciliation_runs",
    "shares",
    "sla_results",
    "spending",
    "submissions",
    "wallet_challenges",
    "wallets",
    "webhooks",
]
