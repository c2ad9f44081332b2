"""How often a request asks the database, which is most of what it costs: statements, and transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from adapters.postgres.database import Database
from adapters.postgres.unit_of_work import UnitOfWork
from domain.errors import Conflict
from domain.requests import IdempotencyClaim, KeptAnswer, Request, make_idempotency_claim
from domain.sla.outages import Declaration, Outage, RecordOutageInput
from domain.sla.verdicts import Severity
from services.access.idempotency.claim_key import claim_key
from services.access.idempotency.keep_answer import keep_answer
from services.access.idempotency.release_key import release_key
from services.sla.declarations.declare_outage import declare_outage
from tests.testkit.api_client import AT_ONCE, make_unique_id

BY = Request("a test", "round-trips")
BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)
ANSWER = KeptAnswer(201, [], b"{}")


@contextmanager
def count_round_trips(database: Database) -> Iterator[list[str]]:
    """Yield what is sent to the database meanwhile: the first word of each statement, BEGIN and COMMIT."""
    engine, sent = database.engine.sync_engine, list[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement.split(maxsplit=1)[0])

    def commits(connection: Any) -> bool:
        return bool(connection.connection.driver_connection.autocommit)

    def begin(connection: Any) -> None:
        if not commits(connection):
            sent.append("BEGIN")

    def commit(connection: Any) -> None:
        if not commits(connection):
            sent.append("COMMIT")

    said = {"before_cursor_execute": note, "begin": begin, "commit": commit}
    for name, listener in said.items():
        event.listen(engine, name, listener)
    try:
        yield sent
    finally:
        for name, listener in said.items():
            event.remove(engine, name, listener)


def make_declaration(site: str = "Tower 7", outage_id: str = "") -> RecordOutageInput:
    id_ = outage_id or make_unique_id("TRIPS")
    outage = Outage(id_, site, Severity.CRITICAL, BEGAN, policy=AT_ONCE)
    return RecordOutageInput(Declaration(outage, BY, AT_ONCE, "default"), datetime.now(UTC))


def make_claim() -> IdempotencyClaim:
    now = datetime.now(UTC)
    return make_idempotency_claim("a test", make_unique_id("key"), b"asked", "a holder", now)


async def test_a_declaration_under_a_key_is_one_transaction_of_few_statements(
    api: httpx.AsyncClient, database: Database
) -> None:
    claim, unit, declaring = make_claim(), UnitOfWork(), make_declaration()
    with count_round_trips(database) as sent:
        assert await claim_key(database, claim, datetime.now(UTC)) is None
        with unit.activate():
            declared = await declare_outage(database, declaring)
            assert await keep_answer(database, claim, ANSWER)
        await unit.commit()
    # What it falls under with its policy, its row with its trail; and the answer to its caller.
    written = ["BEGIN", "WITH", "WITH", "SET", "UPDATE", "COMMIT"]
    assert sent == ["INSERT", *written]
    shown = (await api.get(f"/outages/{declaring.declaration.outage.id}")).json()
    assert shown["agreement"] == declared.outage.agreement
    assert shown["policy_version"] == declared.outage.policy_version
    assert (await claim_key(database, claim, datetime.now(UTC))) == ANSWER


async def test_a_key_is_given_back_in_one_round_trip(database: Database) -> None:
    claim = make_claim()
    with count_round_trips(database) as sent:
        assert await claim_key(database, claim, datetime.now(UTC)) is None
        await release_key(database, claim)
    assert sent == ["INSERT", "DELETE"]


async def test_a_declaration_that_is_refused_leaves_the_unit_of_work_empty(
    api: httpx.AsyncClient, database: Database
) -> None:
    """There is no savepoint to go back to: all that was written until then is taken back."""
    first, unit = make_declaration(), UnitOfWork()
    await declare_outage(database, first)
    other = make_declaration("Tower 8", first.declaration.outage.id)
    with unit.activate():
        with pytest.raises(Conflict, match="declared before with different content"):
            await declare_outage(database, other)
        assert unit.connection is None
        third = make_declaration()
        assert (await declare_outage(database, third)).recorded.created
    await unit.roll_back()
    assert (await declare_outage(database, third)).recorded.created
