"""Records are held to the engine's own rules before anything is declared."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from devstack.replay.outage_records import read, sift

NOW = datetime(2026, 11, 1, tzinfo=UTC)
# Recorded public outages are not ours to copy: where the folder is at hand they are held to the rules, too.
SHARED = Path(os.environ.get("APEXCHAINX_SHARED", Path(__file__).parents[4] / "shared")) / "data"
GOOD = {
    "id": "o-1",
    "provider": "Northern Cable",
    "site": "Exchange",
    "severity": "low",
    "started_at": "2024-03-01T12:00:00+02:00",
    "resolved_at": "2024-03-01T10:30:00Z",
}


def refusal(record: Any) -> str:
    possible, refused = sift([record], None, NOW)
    assert not possible
    return refused[0].reason


def test_a_record_becomes_a_declaration() -> None:
    possible, refused = sift([GOOD | {"site": "E" * 300}], "replay-1s", NOW)
    assert refused == []
    declaration = possible["o-1"].declaration()
    assert declaration["site_name"] == ("Northern Cable: " + "E" * 300)[:200]
    assert declaration["detected_at"] == datetime(2024, 3, 1, 10, tzinfo=UTC)
    assert declaration["policy"] == "replay-1s"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"resolved_at": None}, "resolved_at: is missing"),
        ({"resolved_at": "2024-03-01T10:00:00Z"}, "resolved_at: must be after the outage began"),
        ({"resolved_at": "2124-03-01T10:00:00Z"}, "resolved_at: is in the future"),
        ({"resolved_at": "yesterday"}, "resolved_at: 'yesterday' is not an instant"),
        ({"started_at": "2024-03-01T10:00:00"}, "started_at: must carry a time zone"),
        ({"started_at": 5}, "started_at: must be text"),
        ({"id": "no blanks"}, "id: must be 1 to 64 letters"),
        (
            {"provider": None, "site": None},
            "site: is missing: give the record a site, or a provider",
        ),
        ({"severity": "mild"}, "severity: must be one of critical, high, medium, low"),
        ({"services": "all"}, "services: must be a list of names"),
    ],
)
def test_an_impossible_record_is_refused_with_the_reason(
    change: dict[str, Any], reason: str
) -> None:
    assert refusal(GOOD | change).startswith(reason)


def test_what_is_no_record_is_named_by_its_position() -> None:
    _, refused = sift([GOOD, 7], None, NOW)
    assert [(each.id, each.reason) for each in refused] == [
        ("record 2", "record: must be an object")
    ]


def test_a_record_twice_counts_once_and_another_under_its_id_is_refused() -> None:
    possible, refused = sift([GOOD, GOOD, GOOD | {"severity": "high"}], None, NOW)
    assert len(possible) == 1
    assert [each.reason for each in refused] == ["outage 'o-1' is there before with other content"]


if (SHARED / "real-outages.json").exists():

    def test_every_real_outage_is_possible() -> None:
        records = read(SHARED / "real-outages.json")
        possible, refused = sift(records, None, NOW)
        assert (len(possible), refused) == (len(records), [])


if (SHARED / "real-quarantine.json").exists():

    def test_every_quarantined_record_is_refused() -> None:
        records = read(SHARED / "real-quarantine.json")
        possible, refused = sift(records, None, NOW)
        assert (possible, len(refused)) == ({}, len(records))
