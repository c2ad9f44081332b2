"""The SLA calculator: authorization, its one ledger entry, errors and views."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from stellar_sdk import scval, xdr
from stellar_sdk.operation import InvokeHostFunction

from stellar_sandbox.calculator import contract_state, instance_storage, views
from stellar_sandbox.calculator.contract import FUNCTIONS
from stellar_sandbox.calculator.contract_errors import SLAError
from stellar_sandbox.calculator.sla_config import DEFAULTS, SLAConfig
from stellar_sandbox.ledger.ledger_keys import build_instance_key
from stellar_sandbox.testing.contract_client import CHANNEL
from stellar_sandbox.testing.contract_results import PEOPLE, ContractCallFailed, ContractCallResult
from stellar_sandbox.testing.local_client import LocalClient

ADMIN, OPERATOR, STRANGER = PEOPLE["admin"], PEOPLE["operator"], PEOPLE["stranger"]
ME, YOU = scval.to_address(ADMIN.public_key), scval.to_address(STRANGER.public_key)
OPENED = contract_state.build_initial_state(ADMIN.public_key, OPERATOR.public_key)
HASH = 1417728228875630226
TRAPPED = "INVOKE_HOST_FUNCTION_TRAPPED"


@pytest.fixture
async def client() -> AsyncIterator[LocalClient]:
    made = LocalClient(1_790_000_000)
    made.deploy(OPENED)
    yield made
    await made.close()


async def calculate(
    client: LocalClient,
    name: str,
    minutes: int,
    severity: str = "critical",
    by: Any = OPERATOR,
) -> ContractCallResult:
    return await client.call("calculate_sla", *call_of(name, minutes, severity), by=by)


def call_of(name: str, minutes: int, severity: str = "critical") -> list[xdr.SCVal]:
    return [
        scval.to_address(OPERATOR.public_key),
        scval.to_symbol(name),
        scval.to_symbol(severity),
        scval.to_uint32(minutes),
    ]


async def refused(asking: Any) -> ContractCallFailed:
    with pytest.raises(ContractCallFailed) as caught:
        await asking
    return caught.value


def history(count: int) -> tuple[contract_state.Result, ...]:
    return tuple(
        contract_state.Result(f"{n:032}", "viol", 25, 15, -1000, "pen", "poor", HASH, 1_790_000_000)
        for n in range(count)
    )


async def test_nobody_calculates_in_the_operators_name(client: LocalClient) -> None:
    """An entry that the operator did not sign is a refusal of the host, not of the contract."""
    drafted = await client.prepare("calculate_sla", *call_of("A", 20), by=STRANGER)
    operation = drafted.transaction.operations[0]
    assert isinstance(operation, InvokeHostFunction)
    signed = operation.auth[0]
    assert signed.credentials.address is not None
    signature = signed.credentials.address.signature
    signed.credentials.address.signature = scval.to_void()
    assert (await refused(client.submit(drafted, STRANGER))).text == TRAPPED
    assert await client.view("get_history") == []

    drafted = await client.prepare("calculate_sla", *call_of("A", 21), by=STRANGER)
    operation = drafted.transaction.operations[0]
    assert isinstance(operation, InvokeHostFunction)
    signed = operation.auth[0]
    assert signed.credentials.address is not None
    signed.credentials.address.signature = signature  # of another call
    assert (await refused(client.submit(drafted, STRANGER))).text == TRAPPED


async def test_a_signed_entry_allows_one_call(client: LocalClient) -> None:
    """Anybody may carry what the operator signed to the ledger, and only once."""
    first = await client.prepare("calculate_sla", *call_of("A", 20), by=STRANGER)
    operation = first.transaction.operations[0]
    assert isinstance(operation, InvokeHostFunction)
    signed = operation.auth
    assert (await client.submit(first, STRANGER)).value["amount"] == -500
    again = await client.prepare("calculate_sla", *call_of("A", 20), by=STRANGER)
    operation = again.transaction.operations[0]
    assert isinstance(operation, InvokeHostFunction)
    operation.auth = signed
    # With all the room the first one had: only the nonce stands in the way.
    again.transaction.soroban_data = first.transaction.soroban_data
    again.transaction.fee = first.transaction.fee
    assert (await refused(client.submit(again, STRANGER))).text == TRAPPED


async def test_an_account_of_many_signs_with_as_many_as_it_says(
    client: LocalClient,
) -> None:
    account = client.network.ledger.root.load_account(OPERATOR.public_key)
    assert account is not None
    client.network.change_entries([replace(account, thresholds=(1, 0, 2, 0))], [])
    drafted = await client.prepare("calculate_sla", *call_of("A", 20), by=STRANGER)
    assert (await refused(client.submit(drafted, STRANGER))).text == TRAPPED


async def test_a_contract_that_nobody_initialized_says_so(client: LocalClient) -> None:
    client.deploy()
    assert (await client.view("healthcheck"))["status"] == "noinit"
    assert (await refused(client.view("get_stats"))).code == SLAError.NOT_INITIALIZED
    assert (await refused(calculate(client, "A", 1))).code == SLAError.NOT_INITIALIZED
    people = [scval.to_address(each.public_key) for each in (ADMIN, OPERATOR)]
    await client.call("initialize", *people, by=ADMIN)
    assert (await client.view("healthcheck"))["ready"] is True
    again = await refused(client.call("initialize", *people, by=ADMIN))
    assert again.code == SLAError.ALREADY_INITIALIZED


async def test_who_renounces_leaves_the_door_open(client: LocalClient) -> None:
    await client.call("renounce_admin", ME, by=ADMIN)
    assert (await refused(client.call("unpause", ME, by=ADMIN))).code == SLAError.NOT_INITIALIZED
    await client.call("initialize", YOU, scval.to_address(OPERATOR.public_key), by=STRANGER)
    assert (await client.view("get_admin")).endswith("stranger")


async def test_a_freeze_is_asked_for_before_a_role_and_after_an_admin(
    client: LocalClient,
) -> None:
    await client.call("freeze_config", ME, by=ADMIN)
    role = client.call("set_operator", YOU, YOU, by=STRANGER)
    assert (await refused(role)).code == SLAError.CONFIG_FROZEN
    numbers = [scval.to_uint32(15), scval.to_int128(100), scval.to_int128(750)]
    config = client.call("set_config", YOU, scval.to_symbol("low"), *numbers, by=STRANGER)
    assert (await refused(config)).code == SLAError.UNAUTHORIZED
    config = client.call("set_config", ME, scval.to_symbol("low"), *numbers, by=ADMIN)
    assert (await refused(config)).code == SLAError.CONFIG_FROZEN
    assert (await calculate(client, "A", 20)).value["amount"] == -500


async def test_a_pause_stops_calculations_and_nothing_else(client: LocalClient) -> None:
    long = await refused(client.call("pause", ME, scval.to_string("x" * 257), by=ADMIN))
    assert long.code == SLAError.INVALID_INPUT
    paused = await client.call("pause", ME, scval.to_string("an audit"), by=ADMIN)
    assert paused.events == [(["paused", "v1", "admin"], [True])]
    assert (await refused(calculate(client, "A", 1))).code == SLAError.CONTRACT_PAUSED
    info = await client.view("get_pause_info")
    assert (info["reason"], info["paused_by"]) == ("an audit", "admin")
    await client.call("set_retention_limit", ME, scval.to_uint32(7), by=ADMIN)
    await client.call("unpause", ME, by=ADMIN)
    assert (await calculate(client, "A", 1)).value["rating"] == "top"


async def test_its_one_entry_is_full_at_some_two_hundred_results(
    client: LocalClient,
) -> None:
    """Far below the limit that the contract documents; from then on every calculation fails."""

    async def takes(count: int) -> bool:
        client.deploy(replace(OPENED, history=history(count)))
        try:
            await calculate(client, "A", 20)
        except ContractCallFailed as error:
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
    await client.call("prune_history", ME, scval.to_uint32(100), by=ADMIN)
    assert (await calculate(client, "A", 20)).value["amount"] == -500


async def test_an_empty_contract_weighs_what_the_real_one_does(
    client: LocalClient,
) -> None:
    entry = client.network.ledger.root.load_contract_data(
        client.contract, build_instance_key(client.contract)[2]
    )
    assert entry is not None
    assert len(entry.value) // 2 == pytest.approx(1_260, rel=0.05)


@pytest.mark.parametrize(
    "function", sorted(set(views.PARAMETERLESS_VIEWS) - {"get_failure_schema"})
)
async def test_every_view_answers_anybody(client: LocalClient, function: str) -> None:
    await client.view(function)


async def test_the_failure_schema_has_never_answered_anybody(client: LocalClient) -> None:
    assert (await refused(client.view("get_failure_schema"))).code is None


async def test_a_view_says_what_is_kept(client: LocalClient) -> None:
    await calculate(client, "A", 20)
    await calculate(client, "B", 20, "low")
    audit = await client.view("get_full_audit_state")
    assert (audit["admin"], audit["operator"], audit["history_len"]) == ("admin", "operator", 2)
    page = await client.view("get_history_page", scval.to_uint32(1), scval.to_uint32(9))
    assert [row["outage_id"] for row in page] == ["B"]
    assert await client.view("get_latest_by_outage", scval.to_symbol("C")) is None
    exposure = await client.view("get_economic_exposure")
    assert (exposure["total_max_reward"], exposure["total_penalty_per_minute"]) == (5700, 185)
    replayed = await client.view("replay_calculate_sla", *call_of("A", 7)[1:], scval.to_uint64(5))
    assert (replayed[0]["recorded_at"], replayed[1]) == (5, HASH)
    state = await client.view("get_contract_state_fingerprint")
    assert (state["config_version_hash"], state["is_paused"]) == (HASH, False)


@pytest.mark.parametrize(
    "argument", [scval.to_uint32(1), scval.to_symbol("OUT-1"), scval.to_string("A")]
)
async def test_a_malformed_argument_is_refused_by_the_host(
    client: LocalClient, argument: xdr.SCVal
) -> None:
    assert (await refused(client.view("get_latest_by_outage", argument))).code is None
    assert (await refused(client.view("get_latest_by_outage"))).code is None
    assert (await refused(client.view("get_everything"))).code is None


def test_a_state_is_read_back_as_it_was_written() -> None:
    state = replace(
        OPENED,
        custom={"vip": SLAConfig(10, 5, 100)},
        pending_admin=STRANGER.public_key,
        pending_operator=CHANNEL.public_key,
        paused=True,
        pause=contract_state.Pause(b"an audit", 5, ADMIN.public_key),
        frozen=True,
        stats=contract_state.Stats(3, 2, 10**20, 7),
        telemetry=(
            contract_state.SeverityTelemetry(1, 1, 9, 9),
            contract_state.SeverityTelemetry(),
            contract_state.SeverityTelemetry(2, 0, 8, 0),
            contract_state.SeverityTelemetry(),
        ),
        history=history(3),
        retention=100,
        updated_ledger=12,
    )
    entry = instance_storage.encode_instance(
        instance_storage.derive_contract_id("read back"), state
    )
    instance_storage.clear_caches()
    assert instance_storage.decode_instance(entry) == state
    assert dict(DEFAULTS) == state.config


def test_every_number_of_a_refusal_is_its_own() -> None:
    assert sorted(SLAError) == list(range(1, 20))
    assert len(FUNCTIONS) >= 50
