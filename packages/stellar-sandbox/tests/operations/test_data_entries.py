"""ManageData, and the data entries that getLedgerEntries returns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from stellar_sdk import Keypair, xdr
from stellar_sdk.operation import ManageData

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import BARE, FEES, PAYER, XLM
from stellar_sandbox.testing.operation_results import submit_and_close
from stellar_sandbox.testing.wallet import Wallet

NAME, VALUE = "who.is.it", bytes(range(33))


async def manage(
    wallet: Wallet,
    sandbox: StellarSandbox,
    sequence: int,
    value: bytes | None,
    name: str = NAME,
    owner: Keypair = FEES,
) -> list[str]:
    builder = wallet.start_transaction(owner, sequence).append_manage_data_op(name, value)
    return await submit_and_close(wallet, sandbox, builder, owner)


async def read(wallet: Wallet, name: str = NAME) -> tuple[bytes, int] | None:
    """Return the value as a client reads it, and the ledger that it was last changed in."""
    key = xdr.LedgerKeyData(FEES.xdr_account_id(), xdr.String64(name.encode()))
    wanted = [xdr.LedgerKey(xdr.LedgerEntryType.DATA, data=key)]
    reply = await wallet.server.get_ledger_entries(wanted)
    for found in reply.entries or []:
        assert found.key == wanted[0].to_xdr()
        data = xdr.LedgerEntryData.from_xdr(found.xdr).data
        assert data is not None
        assert data.account_id == FEES.xdr_account_id()
        assert data.data_name.string64 == name.encode()
        return data.data_value.data_value, found.last_modified_ledger or 0
    return None


def count_entries(sandbox: StellarSandbox) -> int:
    account = sandbox.read_account(FEES.public_key)
    assert account is not None
    return account.num_sub_entries


async def test_a_value_is_written_changed_and_taken_away(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    assert await read(wallet) is None
    assert await manage(wallet, sandbox, 1, VALUE) == ["MANAGE_DATA_SUCCESS"]
    assert await read(wallet) == (VALUE, 2)
    assert count_entries(sandbox) == 1
    assert await manage(wallet, sandbox, 2, b"x" * 64) == ["MANAGE_DATA_SUCCESS"]
    assert await read(wallet) == (b"x" * 64, 3)
    assert count_entries(sandbox) == 1
    assert await manage(wallet, sandbox, 3, None) == ["MANAGE_DATA_SUCCESS"]
    assert await read(wallet) is None
    assert count_entries(sandbox) == 0
    assert await manage(wallet, sandbox, 4, None) == ["MANAGE_DATA_NAME_NOT_FOUND"]


async def test_names_have_up_to_64_printable_characters(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    assert await manage(wallet, sandbox, 1, b"", "n" * 64) == ["MANAGE_DATA_SUCCESS"]
    assert await read(wallet, "n" * 64) == (b"", 2)
    for wrong in ("", "tab\t", "ä"):
        assert await manage(wallet, sandbox, 2, VALUE, wrong) == ["ERROR txFAILED"]


@pytest.mark.parametrize(("name", "value"), [("n" * 65, b""), (NAME, b"v" * 65)])
def test_longer_ones_are_no_xdr(name: str, value: bytes) -> None:
    with pytest.raises(ValueError, match="64"):
        ManageData(name, value).to_xdr_object(FEES.xdr_muxed_account()).to_xdr_bytes()


async def test_each_entry_reserves_half_a_lumen(wallet: Wallet, sandbox: StellarSandbox) -> None:
    def leave(stroops: int) -> None:
        account = sandbox.read_account(BARE.public_key)
        assert account is not None
        sandbox.network.change_entries([replace(account, balance=stroops)], [])

    leave(XLM * 3 // 2)  # the reserves of the account, of one entry, and no fee
    assert await manage(wallet, sandbox, 1, VALUE, owner=BARE) == ["MANAGE_DATA_LOW_RESERVE"]
    leave(XLM * 3 // 2 + 1_000)
    assert await manage(wallet, sandbox, 2, VALUE, owner=BARE) == ["MANAGE_DATA_SUCCESS"]


async def test_it_takes_the_medium_threshold_of_the_accounts_own_signers(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    builder = wallet.start_transaction(FEES, 1).append_manage_data_op(NAME, VALUE, BARE.public_key)
    assert await submit_and_close(wallet, sandbox, builder, FEES) == ["ERROR txFAILED"]
    signed: Any = wallet.start_transaction(FEES, 1)
    signed.append_manage_data_op(NAME, VALUE, BARE.public_key)
    assert await submit_and_close(wallet, sandbox, signed, FEES, BARE) == ["MANAGE_DATA_SUCCESS"]
    weak = wallet.start_transaction(FEES, 2).append_set_options_op(med_threshold=2)
    assert await submit_and_close(wallet, sandbox, weak, FEES) == ["SET_OPTIONS_SUCCESS"]
    assert await manage(wallet, sandbox, 3, VALUE) == ["ERROR txFAILED"]


async def test_a_sponsor_does_not_pay_for_one(wallet: Wallet, sandbox: StellarSandbox) -> None:
    """Refused rather than created at its own cost: the sandbox is stricter, never laxer."""
    builder = wallet.start_transaction(PAYER, 1)
    builder.append_begin_sponsoring_future_reserves_op(FEES.public_key)
    builder.append_manage_data_op(NAME, VALUE, FEES.public_key)
    builder.append_end_sponsoring_future_reserves_op(FEES.public_key)
    assert "opNOT_SUPPORTED" in await submit_and_close(wallet, sandbox, builder, PAYER, FEES)


async def test_an_exchange_of_two_writers_takes_one(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    """The sequence of the source decides: whoever signs for one that is consumed is refused."""
    assert await manage(wallet, sandbox, 1, b"first") == ["MANAGE_DATA_SUCCESS"]
    assert await manage(wallet, sandbox, 1, b"second") == ["ERROR txBAD_SEQ"]
    assert await read(wallet) == (b"first", 2)
