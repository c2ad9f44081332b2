"""What a reader copies from the documents works."""

import json
import re
import runpy
import time
from datetime import UTC
from pathlib import Path
from typing import Any

from temporalio.converter import value_to_type

from adapters.credentials.webhook_secrets import WebhookSigner
from api.routes.sla.intake.sources import SourceBody
from devstack.replay.outage_records import sift
from domain.access.webhook_secrets import SignatureScheme
from domain.sla.disputes import DisputeDecision
from domain.sla.intake.formats.zabbix import read_zabbix
from domain.sla.intake.sources import make_mapping
from domain.sla.outage_rules import check_resolution
from domain.sla.outages import Cancellation, Resolution
from domain.webhooks import encode_secret, make_headers
from tests.docs.test_docs import read_document
from tests.domain.sla.test_outages import NOW, OUTAGE
from tests.testkit.webhook_receiver import sign_message


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
    code, _ = re.findall(r"```python\n(.+?)```", read_document("docs/webhooks.md"), re.DOTALL)
    copied = tmp_path / "copied.py"
    copied.write_text(code)
    genuine = runpy.run_path(str(copied))["genuine"]
    secret, now = encode_secret(bytes(32)), int(time.time())
    sent = sign_message(secret, "evt_1", now, b"{}")
    assert genuine(secret, sent, b"{}")
    assert not genuine(secret, sent, b"{ }")
    assert not genuine(secret, sign_message(secret, "evt_1", now - 400, b"{}"), b"{}")


def test_the_verifier_by_key_a_subscriber_copies_works(tmp_path: Path) -> None:
    _, code = re.findall(r"```python\n(.+?)```", read_document("docs/webhooks.md"), re.DOTALL)
    copied = tmp_path / "copied.py"
    copied.write_text(code)
    genuine = runpy.run_path(str(copied))["genuine_by_key"]
    signer, now = WebhookSigner("of-this-test"), int(time.time())
    pair, other = (signer.make_secret(SignatureScheme.ED25519)[0] for _ in range(2))
    tokens = ["v1,AAAA", "v1a", "v1a,?", *signer.sign([other, pair], "evt_1", now, b"{}")]
    sent = make_headers("evt_1", now, tokens)
    assert genuine(pair.public_key, sent, b"{}")
    assert not genuine(pair.public_key, sent, b"{ }")
    assert not genuine(pair.public_key, make_headers("evt_1", now - 400, tokens), b"{}")


def test_the_source_and_the_parameters_that_a_person_copies_are_understood() -> None:
    """Alertmanager's own part is played by tests/system/sla/test_alertmanager.py."""
    page = read_document("docs/intake.md")
    source, parameters = (
        json.loads(block) for block in re.findall(r"```json\n(.+?)```", page, re.DOTALL)
    )
    body = SourceBody.model_validate(source)
    target = make_mapping(body.mapping.model_dump()).find_target(
        {"site": "tower-7", "severity": "page"}
    )
    assert (target.site, target.severity) == ("tower-7", "critical")
    values = {"{EVENT.VALUE}": "1", "{EVENT.DATE}": "2026.11.29", "{EVENT.TIME}": "10:00:00"}
    values["{EVENT.TAGSJSON}"] = '[{"tag": "site", "value": "tower-7"}]'
    sent = {name: values.get(macro, macro) for name, macro in parameters.items()}
    sent["tags"] = json.loads(sent["tags"])
    (signal,) = read_zabbix(sent, UTC).signals
    assert (signal.problem, signal.labels["site"]) == (None, "tower-7")
