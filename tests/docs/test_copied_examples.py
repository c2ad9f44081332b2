"""What a reader copies from the documents works."""

import json
import re
import runpy
import time
from pathlib import Path
from typing import Any

from temporalio.converter import value_to_type

from devstack.replay.outage_records import sift
from domain.sla.disputes import DisputeDecision
from domain.sla.outage_rules import check_resolution
from domain.sla.outages import Cancellation, Resolution
from domain.webhooks import encode_secret, make_headers
from tests.docs.test_docs import read_document
from tests.domain.sla.test_outages import NOW, OUTAGE


def _signals() -> list[dict[str, Any]]:
    blocks = re.findall(r"```json\n(.+?)```", read_document("docs/operations.md"), re.DOTALL)
    return [json.loads(block) for block in blocks]


def test_the_signals_an_operator_copies_are_understood() -> None:
    resolve, rule, cancel = _signals()
    resolution = value_to_type(Resolution, resolve)
    check_resolution(OUTAGE, resolution, NOW.replace(year=2027))
    assert resolution.request.actor == "operator"
    decision = value_to_type(DisputeDecision, rule)
    assert (decision.upheld, decision.mttr_minutes) == (True, 8)
    assert value_to_type(Cancellation, cancel).reason == "planned work"


def test_the_record_a_person_copies_can_be_replayed() -> None:
    (block,) = re.findall(
        r"```json\n(.+?)```", read_document("docs/how-to/replay-outages.md"), re.DOTALL
    )
    possible, refused = sift(json.loads(block), None, NOW.replace(year=2027))
    assert refused == []
    assert [each.outage.site_name for each in possible.values()] == ["Tower 7"]


def test_the_verifier_a_subscriber_copies_works(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.+?)```", read_document("docs/webhooks.md"), re.DOTALL)
    copied = tmp_path / "copied.py"
    copied.write_text(code)
    genuine = runpy.run_path(str(copied))["genuine"]
    secret, now = encode_secret(bytes(32)), int(time.time())
    sent = make_headers(secret, "evt_1", now, b"{}")
    assert genuine(secret, sent, b"{}")
    assert not genuine(secret, sent, b"{ }")
    assert not genuine(secret, make_headers(secret, "evt_1", now - 400, b"{}"), b"{}")
