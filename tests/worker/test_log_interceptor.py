"""An activity's lines say whose it is: by its input, its workflow's id, and the header of the request."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from temporalio.api.common.v1 import Payload

from adapters import logs
from adapters.temporal import LOG_HEADER, add_log_header, read_log_header
from domain.requests import Request
from domain.settlement.attempts import Attempt
from domain.settlement.payments import BlockPaymentInput, Payment, Treasury
from domain.sla.outages import Declaration, JudgeOutageInput, Outage, RecordOutageInput, Resolution
from domain.sla.verdicts import PaymentType, Severity
from worker.log_interceptor import find_subjects

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
OUTAGE = Outage("OUT-1", "Tower 7", Severity.HIGH, NOON)
ASKED = Request("ops", "corr-1")
PAYMENT = Payment(
    *("pay_1", 1, "OUT-1", 1, PaymentType.PENALTY, 5, Treasury.BOND),
    *("GFROM", "GTO", "corr-2"),
)
ATTEMPT = Attempt("pay_1", 1, "GCHANNEL", 7, 9, "hash", "xdr", resumed=False)


@pytest.mark.parametrize(
    ("content", "known"),
    [
        (
            RecordOutageInput(Declaration(OUTAGE, ASKED, "standard", "default"), NOON),
            {"outage_id": "OUT-1", "correlation_id": "corr-1"},
        ),
        (
            JudgeOutageInput("OUT-1", Resolution(ASKED, NOON), 60, NOON),
            {"outage_id": "OUT-1", "correlation_id": "corr-1"},
        ),
        (
            BlockPaymentInput(PAYMENT, "a reason", NOON),
            {"payment_id": "pay_1", "outage_id": "OUT-1", "correlation_id": "corr-2"},
        ),
        (ATTEMPT, {"payment_id": "pay_1"}),
        ([PAYMENT, replace(PAYMENT, id="pay_2")], {}),  # several are not one subject
        ("GADDRESS", {}),
        (None, {}),
    ],
)
def test_the_input_of_an_activity_says_what_it_is_about(
    content: object, known: dict[str, str]
) -> None:
    assert find_subjects([content]) == known


def test_a_workflow_started_by_a_request_logs_its_id_and_subject() -> None:
    with logs.replace_context(correlation_id="corr-1", activity="never handed on"):
        sent = add_log_header({}, "outage/OUT-1")
    assert read_log_header(sent) == {"correlation_id": "corr-1", "outage_id": "OUT-1"}
    # What nobody asked for has nobody's id.
    assert add_log_header({}, "outage/OUT-1") == {}


@pytest.mark.parametrize("data", [b"", b"not json", b"[1]", b"null", b'"text"'])
def test_a_header_that_is_not_ours_says_nothing(data: bytes) -> None:
    assert read_log_header({LOG_HEADER: Payload(data=data)}) == {}


@pytest.mark.parametrize(
    ("workflow_id", "known"),
    [
        ("outage/OUT-1", {"outage_id": "OUT-1"}),
        ("payment/OUT-1/2", {"outage_id": "OUT-1"}),
        ("attestation/OUT-1/2", {"outage_id": "OUT-1"}),
        ("webhook/dlv_1", {}),
        ("batching", {}),
    ],
)
def test_a_workflow_id_names_its_subject(workflow_id: str, known: dict[str, str]) -> None:
    assert logs.parse_workflow_id(workflow_id) == known
