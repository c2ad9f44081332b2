"""What a reader copies from the documents works."""

import json
import re
from datetime import UTC
from typing import Any

from temporalio.converter import value_to_type

from api.routes.sla.intake.sources import SourceBody
from devstack.replay.outage_records import sift
from domain.sla.disputes import DisputeDecision
from domain.sla.intake.formats.alertmanager import read_alertmanager
from domain.sla.intake.formats.zabbix import read_zabbix
from domain.sla.intake.sources import make_mapping
from domain.sla.outage_rules import check_resolution
from domain.sla.outages import Cancellation, Resolution
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


def test_the_alert_that_a_person_copies_is_understood() -> None:
    page = read_document("docs/intake.md")
    (body,) = re.findall(r"```sh\ncurl .+? -d '(.+?)'\n```", page, re.DOTALL)
    source = SourceBody.model_validate(
        json.loads(re.findall(r"```json\n(.+?)```", page, re.DOTALL)[0])
    )
    (signal,) = read_alertmanager(json.loads(body)).signals
    assert (signal.problem, signal.is_firing) == (None, True)
    target = make_mapping(source.mapping.model_dump()).find_target(signal.labels)
    assert (target.site, target.severity) == ("tower-7", "critical")
