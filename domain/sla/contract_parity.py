"""Where the answer of the SLA contract differs from the verdict of the engine."""

from collections.abc import Mapping
from dataclasses import asdict

from domain.money import STROOPS_PER_UNIT
from domain.sla.attestations import ContractResult
from domain.sla.policies import Policy, hash_terms
from domain.sla.verdicts import PaymentType, Rating, Severity, SlaStatus, Terms, Verdict

# The contract's own symbols, for payloads that are compared with the chain.
CONTRACT_SYMBOLS = {
    SlaStatus.MET: "met",
    SlaStatus.VIOLATED: "viol",
    PaymentType.REWARD: "rew",
    PaymentType.PENALTY: "pen",
    Rating.EXCEPTIONAL: "top",
    Rating.EXCELLENT: "excel",
    Rating.GOOD: "good",
    Rating.POOR: "poor",
}


def encode_config(config: Mapping[Severity, Terms]) -> dict[str, dict[str, int]]:
    return {str(severity): asdict(terms) for severity, terms in config.items()}


def decode_config(json: Mapping[str, Mapping[str, int]]) -> dict[Severity, Terms]:
    return {Severity(name): Terms(**terms) for name, terms in json.items()}


def find_differences(
    name: str,
    verdict: Verdict,
    policy: Policy,
    contract_result: ContractResult,
    config: Mapping[Severity, Terms],
) -> list[str]:
    """
    Compare the contract's answer with the verdict, field by field; return all that differ.

    The hash has 64 bits and commits to nothing, so the terms themselves are compared too.
    """
    ours = {
        "outage_id": name,
        "status": CONTRACT_SYMBOLS[verdict.status],
        "mttr_minutes": verdict.mttr_minutes,
        "threshold_minutes": verdict.threshold_minutes,
        "amount_stroops": verdict.amount_stroops,
        "payment_type": CONTRACT_SYMBOLS[verdict.payment_type],
        "rating": CONTRACT_SYMBOLS[verdict.rating],
        "config_version_hash": policy.terms_hash(),
    }
    theirs = asdict(contract_result) | {"amount_stroops": contract_result.amount * STROOPS_PER_UNIT}
    found = [
        f"{field} is {theirs[field]} there and {value} here"
        for field, value in ours.items()
        if theirs[field] != value
    ]
    if hash_terms(config) != contract_result.config_version_hash:
        found.append("its config changed while it was asked")
    found += [
        f"terms of {severity} are {config[severity]} there and {policy.terms[severity]} here"
        for severity in Severity
        if config[severity] != policy.terms[severity]
    ]
    return found


def describe_parity_error(found: list[str]) -> str:
    """Return one sentence on how contract and engine differ; empty when they do not."""
    return f"parity error: {'; '.join(found)}" if found else ""
