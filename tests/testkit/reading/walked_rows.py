"""Rows of every list that goes on by a cursor, in a scratch database, which others add to and change meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from devstack.environment.stack import Stack
from tests.testkit import stacks

WEBHOOK = "whk_walked"
# Each row has a number `n` and an instant `at`, so that rows with other numbers stand between those that are there.
_SERIES = """
    FROM generate_series(%(first)s::int, %(last)s::int, %(step)s::int) AS n,
         LATERAL (SELECT timestamptz '2026-01-31T12:00:00Z' - n * interval '1 min' AS at, lpad(n::text, 6, '0') AS k) _
"""
_ONCE = f"""
INSERT INTO webhooks (id, url, events) VALUES ('{WEBHOOK}', 'https://127.0.0.1:9/', '[]');
INSERT INTO limits (name, approval_above, set_at) VALUES ('settlement', 1, now())
ON CONFLICT (name) DO UPDATE SET approval_above = 1;
"""
_ROWS = {
    "people (id, email, role, disabled, password_hash, created_at)": (
        "'per_' || k, 'p' || k || '@example.com', 'viewer', false, 'x', at"
    ),
    "api_keys (id, name, role, digest, created_by, created_at)": (
        "'key_' || k, 'bot-' || k, 'viewer', sha256(k::bytea), 'tests', at"
    ),
    "imports (id, filename, digest, imported, skipped, problems, imported_by, created_at)": (
        "'imp_' || k, 'outages.csv', md5(k), 1, 0, '[]', 'tests', at"
    ),
    "outages (id, status, severity, site_name, description, affected_services, detected_at, declared_at, "
    "fingerprint, correlation_id, agreement, agreement_version, policy, policy_version, verdict_status)": (
        "'OUT-' || k, 'closed', 'critical', 'Tower 7', '', '[]', at, at, md5(k), 'corr', 'default', 1, 'standard', 1, "
        "'violated'"
    ),
    "sla_results (outage_id, revision, severity, status, payment_type, rating, mttr_minutes, mttr_basis, "
    "threshold_minutes, amount_stroops, policy, policy_version, policy_digest, judged_at)": (
        "'OUT-' || k, 1, 'critical', 'violated', 'penalty', 'poor', 25, 'measured', 15, -10000000, 'standard', 1, "
        "md5(k), at"
    ),
    "payments (id, number, outage_id, revision, type, status, reason_code, status_reason, amount_stroops, "
    "asset_code, payer, from_address, to_address, correlation_id, created_at)": (
        "'pay_' || k, 1000000 + n, 'OUT-' || k, 1, 'penalty', 'on_hold', 'approval_required', 'it waits', 10000000, "
        "'USDC', 'bond', 'GFROM', 'GTO', 'corr', at"
    ),
    "disputes (id, outage_id, revision, status, reason, filed_by, created_at, decision_deadline)": (
        "'dsp_' || k, 'OUT-' || k, 1, 'open', 'x', 'tests', at, at + interval '1 d'"
    ),
    "analytics_snapshots (id, taken_at, taken_by, content, checksum, tzdata, seen)": (
        "'snp_' || k, at, 'tests', '{}', md5(k), '2026.1', '1:1:'"
    ),
    "intake_sources (name, kind, time_zone, mapping, repeat_interval_seconds, created_by, created_at)": (
        "'src-' || k, 'alertmanager', 'UTC', '{}', 60, 'tests', at"
    ),
    "intake_messages (id, source, digest, content, received_at, last_received_at, status)": (
        "'msg_' || k, 'src-' || k, md5(k), '', at, at, 'taken'"
    ),
    "intake_episodes (id, source, fingerprint, began_at, status, labels, summary, message_id, first_heard_at, "
    "last_heard_at, policy, agreement, wants_reopening, reopenings, version)": (
        "'epi_' || k, 'src-' || k, k, at, 'ended', '{}', '', 'msg_' || k, at, at, 'standard', 'default', false, 0, 1"
    ),
    "maintenance_windows (id, source, provider, maintenance_id, sequence, status, starts_at, ends_at, circuits, "
    "summary, noticed_at, message_id, recorded_at)": (
        "'win_' || k, 'src-' || k, 'carrier', k, 1, 'confirmed', at, at + interval '1 h', '[]', '', at, 'msg_' || k, at"
    ),
    "treasuries (address, since_ledger, joined)": "'GTREASURY' || k, 0, true",
    "parties (id, name, kind, created_by)": "'party-' || k, 'A party', 'customer', 'tests'",
    "agreements (name, bond, pool, provider, beneficiary, provider_party, beneficiary_party)": (
        "'walked-' || k, 'GB', 'GB', 'GP', 'GC', 'party-' || k, 'party-' || k"
    ),
    "agreement_versions (agreement, version, effective_from, digest, created_by)": (
        "'walked-' || k, 1, at, md5(k), 'tests'"
    ),
    "wallets (address)": "'GWALLET' || k",
    "wallet_registrations (address, owner, registered_at)": "'GWALLET' || k, 'user-' || k, at",
    "breaks (id, kind, subject, detail, journal_stroops, chain_stroops, found_at, last_seen_at)": (
        "'brk_' || k, 'duplicate', 'pay_' || k, 'x', 1, 2, at, at"
    ),
    "violations (id, invariant, overdue, subject, detail, found_at, last_seen_at)": (
        "'vio_' || k, 'entries_balance', false, 'x', 'x', at, at"
    ),
    "audit_entries (id, subject, action, actor, correlation_id, recorded_at, content, hash)": (
        "'aud_' || k, 'outage/OUT-' || k, 'outage.judged', 'tests', 'corr', at, "
        "convert_to('{\"actor\": \"tests\"}', 'UTF8'), sha256(k::bytea)"
    ),
    "events (id, type, entry_id, occurred_at, data)": "'evt_' || k, 'sla.met', 'aud_' || k, at, '{}'",
    "deliveries (id, event_id, webhook_id, status, created_at)": (
        f"'dlv_' || k, 'evt_' || k, '{WEBHOOK}', 'success', at"
    ),
    "jobs (id, kind, status, parameters, asked_by, correlation_id, created_at)": (
        "'job_' || k, 'recomputation', 'queued', '{}', 'tests', 'corr', at"
    ),
}
# What nobody's order goes by: a row that is written anew is somewhere else in its table.
_TOUCHED = [rows.partition(" ")[0] for rows in _ROWS]


class RowWriter:
    """Writes, from a connection of its own, rows of every list at once."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        # What the rows refer to, and what guards them, is no matter of lists.
        self.connection.execute("SET session_replication_role = replica")
        self.connection.execute(_ONCE.encode())

    def add(self, first: int, last: int, step: int = 1) -> None:
        for into, values in _ROWS.items():
            statement = f"INSERT INTO {into} SELECT {values} {_SERIES}"
            bounds = {"first": first, "last": last, "step": step}
            self.connection.execute(statement.encode(), bounds)

    def change(self) -> None:
        """Write every row anew, in the order of chance."""
        for table in _TOUCHED:
            key = self._find_key(table)
            self.connection.execute(f"UPDATE {table} SET {key} = {key}".encode())

    def remove(self, step: int) -> None:
        """Take out the rows of all numbers that `step` does not divide."""
        for table in _TOUCHED:
            key = self._find_key(table)
            added = f"{key} ~ '^[A-Za-z_-]+[0-9]{{6}}$' AND right({key}, 6)::int % {step} <> 0"
            self.connection.execute(f"DELETE FROM {table} WHERE {added}".encode())

    def _find_key(self, table: str) -> str:
        return (
            next(into for into in _ROWS if into.startswith(f"{table} ("))
            .split("(")[1]
            .split(",")[0]
            .rstrip(")")
        )


@asynccontextmanager
async def open_walked_database(stack: Stack) -> AsyncIterator[tuple[str, RowWriter]]:
    """Yield the URL of a scratch database, and who writes rows of every list into it."""
    async with stacks.open_scratch_database(stack.environment["DATABASE_URL"]) as database:
        url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        writer = RowWriter(url)
        yield url, writer
        writer.connection.close()
