"""The context of an outage in the database: its row is locked, and all that is decided by is read, in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.sla.execution_modes import NAME
from adapters.postgres.sla.outages import require_found, to_outage, to_verdict
from adapters.postgres.sla.policies import to_policy
from domain.sla.agreements.agreements import Agreement
from domain.sla.attestations import AttestationStatus
from domain.sla.disputes import UNDECIDED
from domain.sla.execution_modes import ExecutionMode
from domain.sla.outages import Outage, OutageStatus
from domain.sla.policies import Policy
from domain.sla.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class OutageContext:
    """All that an activity needs to know of one outage, whose row it has locked."""

    outage: Outage
    policy: Policy
    agreement: Agreement
    correlation_id: str
    fingerprint: str
    version: int
    status: OutageStatus
    resolution_key: str | None
    resolved_at: datetime | None
    dispute_deadline: datetime | None
    # The outage that this is a part of; and the parts of this one, in the order of their ids.
    part_of: str | None
    parts: Sequence[str]
    # The newest revision of the verdict; and how many there were, those that were taken back included.
    judged: tuple[int, Verdict] | None
    revisions: int
    # Whether a dispute of it waits for a decision.
    disputed: bool
    # Whether the newest verdict needs the contract's confirmation and does not have it; and whether one made now would.
    unattested: bool
    attests: bool
    settled_elsewhere: bool
    installation_id: UUID


def _make_payout(role: str) -> str:
    """Return the SQL for the address at which a party is paid at an instant; of no instant, that of the agreement."""
    return f"""coalesce((
        SELECT address FROM payouts WHERE agreement = o.agreement AND role = '{role}'
          AND cancelled_at IS NULL AND effective_at <= CAST(:at AS timestamptz)
        ORDER BY effective_at DESC, asked_at DESC LIMIT 1), a.{role}) AS {role}"""


# `seen_version` is that of the snapshot, and `version` that of the row as it is locked.
_CONTEXT = f"""
    SELECT o.id, o.site_name, o.severity, o.detected_at, o.policy AS name, o.policy_version AS version_bound,
           p.effective_from, p.dispute_window_seconds, p.decision_window_seconds, p.terms,
           o.agreement, coalesce(b.bond, a.bond) AS bond, coalesce(b.pool, a.pool) AS pool, a.provider_party, a.beneficiary_party,
           {_make_payout("provider")}, {_make_payout("beneficiary")},
           o.correlation_id, o.fingerprint, o.version, o.status, o.resolution_key, o.resolved_at,
           o.dispute_deadline, o.part_of, o.settled_elsewhere,
           ARRAY(SELECT part.id FROM outages part WHERE part.part_of = o.id ORDER BY part.id) AS parts,
           v.revision AS sla_revision, v.status AS sla_status, v.payment_type AS sla_payment_type,
           v.rating AS sla_rating, v.mttr_minutes AS sla_mttr_minutes,
           v.threshold_minutes AS sla_threshold_minutes, v.amount_stroops AS sla_amount_stroops,
           (SELECT count(*) FROM sla_results r WHERE r.outage_id = o.id) AS revisions,
           EXISTS (SELECT FROM disputes d WHERE d.outage_id = o.id
                   AND d.status IN ({", ".join(f"'{each}'" for each in sorted(UNDECIDED))})) AS disputed,
           EXISTS (SELECT FROM attestations t WHERE t.outage_id = o.id AND t.revision = v.revision
                   AND t.status <> '{AttestationStatus.ATTESTED}') AS unattested,
           EXISTS (SELECT FROM execution_modes WHERE name = '{NAME}'
                   AND contract_execution_mode = '{ExecutionMode.SOROBAN}') AS attests,
           (SELECT id FROM installation) AS installation_id,
           (SELECT seen.version FROM outages seen WHERE seen.id = o.id) AS seen_version
    FROM outages o
    JOIN policies p ON p.name = o.policy AND p.version = o.policy_version
    JOIN agreements a ON a.name = o.agreement
    JOIN agreement_versions b ON b.agreement = o.agreement AND b.version = o.agreement_version
    LEFT JOIN LATERAL (  -- the verdicts on one that is reopened are taken back
        SELECT * FROM sla_results r WHERE r.outage_id = o.id
          AND o.status NOT IN ('{OutageStatus.DECLARED}', '{OutageStatus.CANCELLED}')
        ORDER BY r.revision DESC LIMIT 1
    ) v ON true
"""
_ONE = "WHERE o.id = :outage_id"
_READ = text(f"{_CONTEXT} {_ONE}")
_LOCK = text(f"{_CONTEXT} {_ONE} FOR UPDATE OF o")
# In the order of their ids, so that no two who lock many wait for each other.
_LOCK_ALL = text(
    f"{_CONTEXT} WHERE o.id = ANY (CAST(:outage_ids AS text[])) ORDER BY o.id FOR UPDATE OF o"
)


async def lock(
    connection: AsyncConnection, outage_id: str, at: datetime | None = None
) -> OutageContext:
    """
    Lock an outage's row until the transaction ends, and return its context; with `at`, its agreement has the payout
    addresses of that instant. Raises NotFound.

    A statement that waited for the lock still sees verdicts and disputes as they were before it waited. Whoever
    writes one gives the outage its next version, by which that shows, and then they are read again.
    """
    wanted = {"outage_id": outage_id, "at": at}
    rows = await connection.execute(_LOCK, wanted)
    row = require_found(rows.mappings().one_or_none(), outage_id)
    if row["seen_version"] != row["version"]:
        row = (await connection.execute(_READ, wanted)).mappings().one()
    return _to_context(row)


async def lock_all(
    connection: AsyncConnection, outage_ids: Sequence[str], at: datetime
) -> dict[str, OutageContext]:
    """Lock the rows of many outages in one statement, as `lock` does; return their contexts by their ids."""
    rows = await connection.execute(_LOCK_ALL, {"outage_ids": list(outage_ids), "at": at})
    found = dict[str, OutageContext]()
    for row in rows.mappings().all():
        if row["seen_version"] == row["version"]:
            found[row["id"]] = _to_context(row)
        else:
            found[row["id"]] = await lock(connection, row["id"], at)
    return found


def _to_context(row: RowMapping) -> OutageContext:
    status = OutageStatus(row["status"])
    return OutageContext(
        outage=to_outage(row),
        policy=to_policy({**row, "version": row["version_bound"]}),
        agreement=Agreement(row["agreement"], *(row[name] for name in _AGREED)),
        judged=to_verdict(row),
        status=status,
        **{name: row[name] for name in _SAME},
    )


_AGREED = ("bond", "pool", "provider", "beneficiary", "provider_party", "beneficiary_party")
_SAME = (
    *("correlation_id", "fingerprint", "version", "resolution_key", "resolved_at", "part_of"),
    *("dispute_deadline", "parts", "revisions", "disputed", "unattested", "attests"),
    *("settled_elsewhere", "installation_id"),
)
