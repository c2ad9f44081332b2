"""The XDR of `xdr_codec` is stellar-sdk's XDR, byte for byte."""

from __future__ import annotations

import pytest
from stellar_sdk import Asset, scval, xdr

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.ledger import entry_codec, xdr_codec
from stellar_sandbox.ledger.entries import (
    AccountEntry,
    ClaimableBalanceEntry,
    ContractDataEntry,
    DataEntry,
    LedgerEntry,
    TrustLineEntry,
    dump_entry,
    dump_key,
    load_entry,
)
from stellar_sandbox.ledger.ledger_keys import parse_ledger_key
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.testing.accounts import (
    CHANNELS,
    CONTRACT,
    ISSUER,
    PAYER,
    SHOP,
    build_genesis_document,
    build_muxed_address,
)
from stellar_sandbox.testing.wallet import Wallet

ALWAYS = xdr.ClaimPredicate(xdr.ClaimPredicateType.CLAIM_PREDICATE_UNCONDITIONAL)
LONG = f"LONGASSET:{ISSUER.public_key}"
ENTRIES: list[LedgerEntry] = [
    AccountEntry(
        PAYER.public_key,
        5,
        6,
        num_sub_entries=2,
        flags=3,
        home_domain="example.org",
        thresholds=(1, 2, 3, 4),
        signers=((SHOP.public_key, 7), (ISSUER.public_key, 1)),
        num_sponsoring=3,
        sequence_ledger=9,
        sequence_time=10,
        last_modified=11,
    ),
    TrustLineEntry(PAYER.public_key, LONG, 5, 10, 1, 3),
    DataEntry(PAYER.public_key, "a name | of five words", bytes(range(33)).hex(), 7),
    DataEntry(PAYER.public_key, "n" * 64, "", 7),
    ClaimableBalanceEntry(
        "ab" * 32,
        "native",
        5,
        PAYER.public_key,
        ((SHOP.public_key, ALWAYS.to_xdr_bytes().hex()),),
        True,
        4,
    ),
    ContractDataEntry(
        CONTRACT,
        scval.to_symbol("Name").to_xdr_bytes().hex(),
        scval.to_int128(-5).to_xdr_bytes().hex(),
        1,
        99,
        3,
    ),
    *Genesis.parse(build_genesis_document()).build_entries(),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: type(entry).__name__)
def test_an_entry_survives_the_wire_and_the_disk(entry: LedgerEntry) -> None:
    raw = entry_codec.encode_ledger_entry(entry)
    assert xdr.LedgerEntry.from_xdr_bytes(raw).to_xdr_bytes() == raw
    key = xdr.LedgerKey.from_xdr_bytes(entry_codec.encode_ledger_key(entry.key))
    assert key.to_xdr_bytes() == entry_codec.encode_ledger_key(entry.key)
    assert parse_ledger_key(key) == entry.key
    assert load_entry(dump_key(entry.key), dump_entry(entry)) == entry


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (xdr_codec.encode_i128(-(2**100)), scval.to_int128(-(2**100))),
        (xdr_codec.encode_i128(2**64 + 5), scval.to_int128(2**64 + 5)),
        (xdr_codec.encode_u64(2**64 - 1), scval.to_uint64(2**64 - 1)),
        (xdr_codec.encode_u32(7), scval.to_uint32(7)),
        (xdr_codec.encode_bool(True), scval.to_bool(True)),
        (xdr_codec.encode_string("USDC"), scval.to_string("USDC")),
        (xdr_codec.encode_bytes(b"abc"), scval.to_bytes(b"abc")),
        (xdr_codec.encode_symbol("transfer"), scval.to_symbol("transfer")),
        (xdr_codec.encode_sc_address(PAYER.public_key), scval.to_address(PAYER.public_key)),
        (xdr_codec.encode_sc_address(CONTRACT), scval.to_address(CONTRACT)),
        (xdr_codec.VOID, scval.to_void()),
    ],
)
def test_a_value_is_the_sdks_value(ours: bytes, theirs: xdr.SCVal) -> None:
    assert ours == theirs.to_xdr_bytes()


def test_an_asset_is_the_sdks_asset() -> None:
    for asset in (Asset("USDC", ISSUER.public_key), Asset("LONGASSET", ISSUER.public_key)):
        name = f"{asset.code}:{asset.issuer}"
        assert xdr_codec.encode_asset(name) == asset.to_xdr_object().to_xdr_bytes()


async def test_history_is_readable_whole(wallet: Wallet, sandbox: StellarSandbox) -> None:
    sent = [
        await wallet.build_transfer(CHANNELS[0], 1, build_muxed_address(SHOP, 5)),
        wallet.build_payment(CHANNELS[1], 1),
        wallet.build_payment(CHANNELS[2], 1, (ISSUER, "1")),
    ]
    for envelope in sent:
        await wallet.send(envelope)
    sandbox.close_ledger()

    page = await wallet.server.get_transactions(start_ledger=1)
    assert len(page.transactions) == 3
    for item in page.transactions:
        meta = xdr.TransactionMeta.from_xdr(item.result_meta_xdr)
        assert meta.to_xdr() == item.result_meta_xdr
        result = xdr.TransactionResult.from_xdr(item.result_xdr)
        assert result.to_xdr() == item.result_xdr
        assert item.events is not None
        for text in item.events.transaction_events_xdr or []:
            assert xdr.TransactionEvent.from_xdr(text).to_xdr() == text
    ledgers = await wallet.server.get_ledgers(start_ledger=1)
    assert [item.sequence for item in ledgers.ledgers] == [1, 2]
    for ledger in ledgers.ledgers:
        entry = xdr.LedgerHeaderHistoryEntry.from_xdr(ledger.header_xdr)
        assert entry.hash.hash.hex() == ledger.hash
        close = xdr.LedgerCloseMeta.from_xdr(ledger.metadata_xdr)
        assert close.to_xdr() == ledger.metadata_xdr
    assert close.v2 is not None
    assert len(close.v2.tx_processing) == 3


async def test_events_can_be_asked_for_by_contract_and_topic(
    wallet: Wallet, sandbox: StellarSandbox
) -> None:
    from_payer = [scval.to_symbol("transfer").to_xdr(), "*", "**"]
    await wallet.send(wallet.build_payment(CHANNELS[0], 1, (SHOP, "1"), (SHOP, "2"), (ISSUER, "3")))
    sandbox.close_ledger()
    await wallet.send(await wallet.build_transfer(CHANNELS[1], 1, stroops=4))
    sandbox.close_ledger()

    everything = await wallet.server.get_events(start_ledger=1)
    assert len(everything.events) == 4
    filters = [{"type": "contract", "contractIds": [CONTRACT], "topics": [from_payer]}]
    first = await wallet.server.get_events(1, filters=filters, limit=2)
    rest = await wallet.server.get_events(filters=filters, cursor=first.cursor)
    amounts = [scval.to_native(item.value) for item in first.events + rest.events]
    assert amounts == [10_000_000, 20_000_000, 4]
    assert (await wallet.server.get_events(cursor=rest.cursor)).events == []
