"""A verdict can be judged again by anyone who reads its evidence."""

import json
from datetime import UTC, datetime, timedelta

from domain import payloads
from domain.digests import canonicalize
from domain.sla.outages import Outage
from domain.sla.policies import BEGINNING_OF_TIME, Policy
from domain.sla.verdicts import Severity, Terms, judge

TERMS = {severity: Terms(15, 100, 750) for severity in Severity}
POLICY = Policy("standard", 3, BEGINNING_OF_TIME, 86_400, 86_400, TERMS)
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
OUTAGE = Outage("OUT-1", "Tower 7", Severity.CRITICAL, START)


def test_the_evidence_of_a_verdict_is_enough_to_repeat_it() -> None:
    end = START + timedelta(minutes=25)
    verdict = judge(TERMS[Severity.CRITICAL], 25)
    payload = payloads.describe_verdict(OUTAGE, 1, verdict, POLICY, end, "measured")
    read = json.loads(canonicalize(payload))
    assert read["policy_digest"] == POLICY.digest()
    minutes = datetime.fromisoformat(read["resolved_at"]) - datetime.fromisoformat(
        read["detected_at"]
    )
    again = judge(POLICY.terms[Severity(read["severity"])], int(minutes.total_seconds()) // 60)
    assert again == verdict
    assert read["amount_stroops"] == str(again.amount_stroops) == "-10000000000"


def test_money_in_evidence_is_a_string() -> None:
    payload = payloads.describe_verdict(
        OUTAGE, 1, judge(TERMS[Severity.LOW], 0), POLICY, START, "stated"
    )
    assert isinstance(payload["amount_stroops"], str)
