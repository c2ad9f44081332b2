"""The SLA calculator in the box: its wire, its authority, its one entry, and what anybody may read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from stellar_sdk import scval, xdr
from stellar_sdk.operation import InvokeHostFunction

from stellar_sandbox.calculator import contract_state, instance_storage, views
from stellar_sandbox.calculator.contract import FUNCTIONS
from stellar_sandbox.calculator.contract_errors import Refusal
from stellar_sandbox.calculator.sla_config import DEFAULTS, Terms
from stellar_sandbox.ledger.ledger_keys import instance_key
from stellar_sandbox.testing.contract_client import (
    CHANNEL,
    PEOPLE,
    Answer,
    ContractRefused,
    Counter,
)

ADMIN, OPERATOR, STRANGER = PEOPLE["admin"], PEOPLE["operator"], PEOPLE["stranger"]
ME, YOU = scval.to_address(ADMIN.public_key), scval.to_address(STRANGER.public_key)
OPENED = contract_state.opened(ADMIN.public_key, OPERATOR.public_key)
HASH = 1417728228875630226
TRAPPED = "INVOKE_HOST_FUNCTION_TRAPPED"


@pytest.fixture
async def counter() -> AsyncIterator[Counter]:
    made = Counter(1_790_000_000)
    made.deploy(OPENED)
    yield made
    await made.close()


async def calculate(
    counter: Counter, name: str, minutes: int, severity: str = "critical", by: Any = OPERATOR
) -> Answer:
    return await counter.call("calculate_sla", *call_of(name, minutes, severity), by=by)


def call_of(name: str, minutes: int, severity: str = "critical") -> list[xdr.SCVal]:
    return [
        scval.to_address(OPERATOR.public_key),
        scval.to_symbol(name),
        scval.to_symbol(severity),
        scval.to_uint32(minutes),
    ]


async def refused(asking: Any) -> ContractRefused:
    with pytest.raises(ContractRefused) as caught:
        await asking
    return caught.value


def history(count: int) -> tuple[contract_state.Result, ...]:
    return tuple(
        contract_state.Result(f"{n:032}", "viol", 25, 15, -1000, "pen", "poor", HASH, 1_790_000_000)
        for n in range(count)
    )


async def test_nobody_calculates_in_the_operators_name(counter: Counter) -> None:
    """An entry that the operator did not sign is a refusal of the host, not of the contract."""
    drafted = await counter.draft("calculate_sla", *call_of("A", 20), by=STRANGER)
    operation = drafted.transaction.operations[0]
    assert isinstance(operation, InvokeHostFunction)
    signed = operation.auth[0]
    assert signed.credentials.address is not None
    signature = signed.credentials.address.signature
    signed.credentials.address.signature = scval.to_void()
    assert (await refused(counter.land(drafted, STRANGER))).text == TRAPPED
    assert await counter.view("get_history") == []

    drafted = await counter.draft("calculate_sla", *call_of("A", 21), by=STRANGER)
    operation = drafted.transaction.operations[0]
    assert isinstance(operation, InvokeHostFunction)
    signed = operation.auth[0]
    assert signed.credentials.address is not None
    signed.credentials.address.signature = signature  # of another call
    assert (await refused(counter.land(drafted, STRANGER))).text == TRAPPED


async def test_a_signed_entry_allows_one_call(counter: Counter) -> None:
    """Anybody may carry what the operator signed to the ledger, and only once."""
    first = await counter.draft("calculate_sla", *call_of("A", 20), by=STRANGER)
    operation = first.transaction.operations[0]
    assert isinstance(operation, InvokeHostFunction)
    signed = operation.auth
    assert (await counter.land(first, STRANGER)).value["amount"] == -500
    again = await counter.draft("calculate_sla", *call_of("A", 20), by=STRANGER)
    operation = again.transaction.operations[0]
    assert isinstance(operation, InvokeHostFunction)
    operation.auth = signed
    # With all the room the first one had: only the nonce stands in the way.
    again.transaction.soroban_data = first.transaction.soroban_data
    again.transaction.fee = first.transaction.fee
    assert (await refused(counter.land(again, STRANGER))).text == TRAPPED


async def test_an_account_of_many_signs_with_as_many_as_it_says(counter: Counter) -> None:
    account = counter.network.ledger.root.account(OPERATOR.public_key)
    assert account is not None
    counter.network.change([replace(account, thresholds=(1, 0, 2, 0))], [])
    drafted = await counter.draft("calculate_sla", *call_of("A", 20), by=STRANGER)
    assert (await refused(counter.land(drafted, STRANGER))).text == TRAPPED


async def test_a_contract_that_nobody_initialized_says_so(counter: Counter) -> None:
    counter.deploy()
    assert (await counter.view("healthcheck"))["status"] == "noinit"
    assert (await refused(counter.view("get_stats"))).code == Refusal.NOT_INITIALIZED
    assert (await refused(calculate(counter, "A", 1))).code == Refusal.NOT_INITIALIZED
    people = [scval.to_address(each.public_key) for each in (ADMIN, OPERATOR)]
    await counter.call("initialize", *people, by=ADMIN)
    assert (await counter.view("healthcheck"))["ready"] is True
    again = await refused(counter.call("initialize", *people, by=ADMIN))
    assert again.code == Refusal.ALREADY_INITIALIZED


async def test_who_renounces_leaves_the_door_open(counter: Counter) -> None:
    await counter.call("renounce_admin", ME, by=ADMIN)
    assert (await refused(counter.call("unpause", ME, by=ADMIN))).code == Refusal.NOT_INITIALIZED
    await counter.call("initialize", YOU, scval.to_address(OPERATOR.public_key), by=STRANGER)
    assert (await counter.view("get_admin")).endswith("stranger")


async def test_a_freeze_is_asked_for_before_a_role_and_after_an_admin(counter: Counter) -> None:
    await counter.call("freeze_config", ME, by=ADMIN)
    role = counter.call("set_operator", YOU, YOU, by=STRANGER)
    assert (await refused(role)).code == Refusal.CONFIG_FROZEN
    numbers = [scval.to_uint32(15), scval.to_int128(100), scval.to_int128(750)]
    config = counter.call("set_config", YOU, scval.to_symbol("low"), *numbers, by=STRANGER)
    assert (await refused(config)).code == Refusal.UNAUTHORIZED
    config = counter.call("set_config", ME, scval.to_symbol("low"), *numbers, by=ADMIN)
    assert (await refused(config)).code == Refusal.CONFIG_FROZEN
    assert (await calculate(counter, "A", 20)).value["amount"] == -500


async def test_a_pause_stops_calculations_and_nothing_else(counter: Counter) -> None:
    long = await refused(counter.call("pause", ME, scval.to_string("x" * 257), by=ADMIN))
    assert long.code == Refusal.INVALID_INPUT
    told = await counter.call("pause", ME, scval.to_string("an audit"), by=ADMIN)
    assert told.events == [(["paused", "v1", "admin"], [True])]
    assert (await refused(calculate(counter, "A", 1))).code == Refusal.CONTRACT_PAUSED
    info = await counter.view("get_pause_info")
    assert (info["reason"], info["paused_by"]) == ("an audit", "admin")
    await counter.call("set_retention_limit", ME, scval.to_uint32(7), by=ADMIN)
    await counter.call("unpause", ME, by=ADMIN)
    assert (await calculate(counter, "A", 1)).value["rating"] == "top"


async def test_its_one_entry_is_full_at_some_two_hundred_results(counter: Counter) -> None:
    """Far below the limit that the contract documents; from then on every calculation fails."""

    async def takes(count: int) -> bool:
        counter.deploy(replace(OPENED, history=history(count)))
        try:
            await calculate(counter, "A", 20)
        except ContractRefused as error:
            return "Error(Budget, ExceededLimit)" not in error.text
        return True

    fits, full = 150, 230
    assert await takes(fits)
    assert not await takes(full)
    while full - fits > 1:
        middle = (fits + full) // 2
        fits, full = (middle, full) if await takes(middle) else (fits, middle)
    assert 190 <= full <= 200  # with names of 32 letters
    assert not await takes(full)
    await counter.call("prune_history", ME, scval.to_uint32(100), by=ADMIN)
    assert (await calculate(counter, "A", 20)).value["amount"] == -500


async def test_an_empty_contract_weighs_what_the_real_one_does(counter: Counter) -> None:
    entry = counter.network.ledger.root.data(counter.contract, instance_key(counter.contract)[2])
    assert entry is not None
    assert len(entry.value) // 2 == pytest.approx(1_260, rel=0.05)


@pytest.mark.parametrize("function", sorted(set(views.PLAIN) - {"get_failure_schema"}))
async def test_every_view_answers_anybody(counter: Counter, function: str) -> None:
    await counter.view(function)


async def test_the_failure_schema_has_never_answered_anybody(counter: Counter) -> None:
    assert (await refused(counter.view("get_failure_schema"))).code is None


async def test_a_view_says_what_is_kept(counter: Counter) -> None:
    await calculate(counter, "A", 20)
    await calculate(counter, "B", 20, "low")
    audit = await counter.view("get_full_audit_state")
    assert (audit["admin"], audit["operator"], audit["history_len"]) == ("admin", "operator", 2)
    page = await counter.view("get_history_page", scval.to_uint32(1), scval.to_uint32(9))
    assert [row["outage_id"] for row in page] == ["B"]
    assert await counter.view("get_latest_by_outage", scval.to_symbol("C")) is None
    exposure = await counter.view("get_economic_exposure")
    assert (exposure["total_max_reward"], exposure["total_penalty_per_minute"]) == (5700, 185)
    replayed = await counter.view("replay_calculate_sla", *call_of("A", 7)[1:], scval.to_uint64(5))
    assert (replayed[0]["recorded_at"], replayed[1]) == (5, HASH)
    state = await counter.view("get_contract_state_fingerprint")
    assert (state["config_version_hash"], state["is_paused"]) == (HASH, False)


@pytest.mark.parametrize(
    "argument", [scval.to_uint32(1), scval.to_symbol("OUT-1"), scval.to_string("A")]
)
async def test_a_malformed_argument_is_refused_by_the_host(
    counter: Counter, argument: xdr.SCVal
) -> None:
    assert (await refused(counter.view("get_latest_by_outage", argument))).code is None
    assert (await refused(counter.view("get_latest_by_outage"))).code is None
    assert (await refused(counter.view("get_everything"))).code is None


def test_a_book_is_read_back_as_it_was_written() -> None:
    book = replace(
        OPENED,
        custom={"vip": Terms(10, 5, 100)},
        pending_admin=STRANGER.public_key,
        pending_operator=CHANNEL.public_key,
        paused=True,
        pause=contract_state.Pause(b"an audit", 5, ADMIN.public_key),
        frozen=True,
        stats=contract_state.Stats(3, 2, 10**20, 7),
        lanes=(
            contract_state.Lane(1, 1, 9, 9),
            contract_state.Lane(),
            contract_state.Lane(2, 0, 8, 0),
            contract_state.Lane(),
        ),
        history=history(3),
        retention=100,
        updated_ledger=12,
    )
    entry = instance_storage.entry(instance_storage.contract_id("read back"), book)
    instance_storage.forget()
    assert instance_storage.book_in(entry) == book
    assert dict(DEFAULTS) == book.config


def test_every_number_of_a_refusal_is_its_own() -> None:
    assert sorted(Refusal) == list(range(1, 20))
    assert len(FUNCTIONS) >= 50
