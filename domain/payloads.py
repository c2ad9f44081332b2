"""
Payloads of events and audit entries: plain JSON, amounts as strings of stroops.

Anyone can recompute a verdict from these: the instants, the severity, the terms' digest.
"""

from datetime import datetime
from typing import Any

from domain.digests import format_instant
from domain.settlement.payments import Payment
from domain.sla.agreements.versions import AgreementVersion
from domain.sla.attestations import Attestation, CallOutcome
from domain.sla.outages import Declaration, Outage
from domain.sla.policies import Policy
from domain.sla.verdicts import Verdict


def describe_declaration(
    declaration: Declaration, agreement_version: int, policy: Policy, part_of: str | None = None
) -> dict[str, Any]:
    outage = declaration.outage
    return {
        "outage_id": outage.id,
        "site_name": outage.site_name,
        "severity": outage.severity,
        "detected_at": format_instant(outage.detected_at),
        "fingerprint": declaration.fingerprint,
        "agreement": declaration.agreement,
        "agreement_version": agreement_version,
        "customer": outage.customer,
        "part_of": part_of,
        **describe_policy(policy),
    }


def describe_agreement_version(version: AgreementVersion) -> dict[str, Any]:
    since, until = version.effective_from, version.effective_until
    return {
        "agreement": version.agreement,
        "version": version.version,
        "effective_from": format_instant(since),
        "effective_until": None if until is None else format_instant(until),
        "policy": version.policy,
        "sites": version.coverage.sites,
        "services": version.coverage.services,
        "bond": version.bond,
        "pool": version.pool,
        "digest": version.digest(),
    }


def describe_policy(policy: Policy) -> dict[str, Any]:
    return {
        "policy": policy.name,
        "policy_version": policy.version,
        "policy_digest": policy.digest(),
    }


def describe_verdict(
    outage: Outage,
    revision: int,
    verdict: Verdict,
    policy: Policy,
    resolved_at: datetime,
    basis: str,
) -> dict[str, Any]:
    """Return the verdict and everything it rests on; `basis` is measured, stated or decided."""
    return {
        "outage_id": outage.id,
        "revision": revision,
        "severity": outage.severity,
        "detected_at": format_instant(outage.detected_at),
        "resolved_at": format_instant(resolved_at),
        "mttr_minutes": verdict.mttr_minutes,
        "mttr_basis": basis,
        "threshold_minutes": verdict.threshold_minutes,
        "sla_status": verdict.status,
        "payment_type": verdict.payment_type,
        "rating": verdict.rating,
        "amount_stroops": str(verdict.amount_stroops),
        **describe_policy(policy),
    }


def describe_attestation(
    attestation: Attestation, contract: str, hash_: str, outcome: CallOutcome
) -> dict[str, Any]:
    """Return the contract's answer, and the transaction and ledger that hold it."""
    return {
        "outage_id": attestation.outage_id,
        "revision": attestation.revision,
        "contract_id": contract,
        "transaction_hash": hash_,
        "ledger": outcome.ledger,
        "fresh": outcome.fresh,
        "result": outcome.contract_result.json() if outcome.contract_result else None,
    }


def describe_receipt(
    transaction_hash: str, ledger: int, fee_stroops: int, confirmed_at: datetime
) -> dict[str, Any]:
    """Return the transaction and ledger that prove a payment, and its fee."""
    return {
        "transaction_hash": transaction_hash,
        "ledger": ledger,
        "fee_stroops": str(fee_stroops),
        "confirmed_at": format_instant(confirmed_at),
    }


def describe_payment(payment: Payment) -> dict[str, Any]:
    return {
        "payment_id": payment.id,
        "payment_number": str(payment.number),
        "outage_id": payment.outage_id,
        "revision": payment.revision,
        "type": payment.type,
        "amount_stroops": str(payment.amount_stroops),
        "asset_code": "USDC",
        "from_address": payment.from_address,
        "to_address": payment.to_address,
    }
