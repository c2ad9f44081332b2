"""Every table of the database, one file for each subject."""

from adapters.postgres.tables.access import (
    api_keys,
    devices,
    idempotency_keys,
    login_failures,
    people,
    refresh_tokens,
    sessions,
    signing_keys,
)
from adapters.postgres.tables.analytics.rollups import (
    analytics_changes,
    analytics_contributions,
    analytics_histograms,
    analytics_rollups,
)
from adapters.postgres.tables.analytics.snapshots import analytics_snapshots
from adapters.postgres.tables.attestations import (
    attestations,
    contract_calls,
    execution_modes,
)
from adapters.postgres.tables.events import (
    audit_entries,
    deliveries,
    delivery_attempts,
    event_counts,
    events,
    webhook_secrets,
    webhooks,
)
from adapters.postgres.tables.installation import installation, installation_claims
from adapters.postgres.tables.jobs.jobs import job_file_chunks, job_files, jobs
from adapters.postgres.tables.journal import (
    accounts,
    balances,
    entries,
    integrity_checks,
    postings,
    violations,
)
from adapters.postgres.tables.limits import (
    approvals,
    authorisations,
    circuit_breakers,
    limits,
    spending,
)
from adapters.postgres.tables.metadata import Xid8, metadata
from adapters.postgres.tables.networks import networks, restorations, troubles
from adapters.postgres.tables.outages import (
    disputes,
    outages,
    policies,
    sla_results,
)
from adapters.postgres.tables.payments import (
    allocations,
    attempts,
    channels,
    envelopes,
    payments,
    submissions,
)
from adapters.postgres.tables.reconciliation import (
    break_resolutions,
    breaks,
    chain_cursor,
    chain_gaps,
    chain_transfers,
    manual_matches,
    reconciliation_runs,
    treasuries,
)
from adapters.postgres.tables.sla.agreements import (
    agreement_coverages,
    agreement_versions,
    agreement_zones,
    agreements,
    parties,
)
from adapters.postgres.tables.sla.imports import import_rows, imports
from adapters.postgres.tables.sla.intake import (
    intake_episodes,
    intake_messages,
    intake_sources,
    maintenance_windows,
)
from adapters.postgres.tables.wallets import (
    payouts,
    wallet_challenges,
    wallet_registrations,
    wallets,
)

__all__ = [
    "Xid8",
    "accounts",
    "agreement_coverages",
    "agreement_versions",
    "agreement_zones",
    "agreements",
    "allocations",
    "analytics_changes",
    "analytics_contributions",
    "analytics_histograms",
    "analytics_rollups",
    "analytics_snapshots",
    "api_keys",
    "approvals",
    "attempts",
    "attestations",
    "audit_entries",
    "authorisations",
    "balances",
    "break_resolutions",
    "breaks",
    "chain_cursor",
    "chain_gaps",
    "chain_transfers",
    "channels",
    "circuit_breakers",
    "contract_calls",
    "deliveries",
    "delivery_attempts",
    "devices",
    "disputes",
    "entries",
    "envelopes",
    "event_counts",
    "events",
    "execution_modes",
    "idempotency_keys",
    "import_rows",
    "imports",
    "installation",
    "installation_claims",
    "intake_episodes",
    "intake_messages",
    "intake_sources",
    "integrity_checks",
    "job_file_chunks",
    "job_files",
    "jobs",
    "limits",
    "login_failures",
    "maintenance_windows",
    "manual_matches",
    "metadata",
    "networks",
    "outages",
    "parties",
    "payments",
    "payouts",
    "people",
    "policies",
    "postings",
    "reconciliation_runs",
    "refresh_tokens",
    "restorations",
    "sessions",
    "signing_keys",
    "sla_results",
    "spending",
    "submissions",
    "treasuries",
    "troubles",
    "violations",
    "wallet_challenges",
    "wallet_registrations",
    "wallets",
    "webhook_secrets",
    "webhooks",
]
