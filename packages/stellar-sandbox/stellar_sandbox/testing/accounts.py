"""A small genesis for tests: an issuer, a payer, a fee account, recipients and channel accounts."""

from __future__ import annotations

from typing import Any

from stellar_sdk import Asset, Keypair, MuxedAccount

PASSPHRASE = "Standalone ApexChainx Sandbox ; 2026"
XLM = 10_000_000


def derive_keypair(name: str) -> Keypair:
    return Keypair.from_raw_ed25519_seed(name.encode().ljust(32, b"."))


ISSUER, PAYER, FEES = derive_keypair("issuer"), derive_keypair("payer"), derive_keypair("fees")
SHOP, FARM = derive_keypair("shop"), derive_keypair("farm")
BARE = derive_keypair("bare")  # exists, has no trustline
STRANGER = derive_keypair("stranger")  # does not exist
CHANNELS = [derive_keypair(f"channel {number}") for number in range(8)]
USDC = Asset("USDC", ISSUER.public_key)
CONTRACT = USDC.contract_id(PASSPHRASE)


def build_genesis_document() -> dict[str, Any]:
    def build_row(owner: Keypair, native: int, usdc: int | None) -> dict[str, Any]:
        return {"address": owner.public_key, "native_stroops": native, "usdc_stroops": usdc}

    rows = [
        build_row(PAYER, 1_000 * XLM, 1_000_000 * XLM),
        build_row(FEES, 1_000 * XLM, None),
        build_row(SHOP, 10 * XLM, 0),
        build_row(FARM, 10 * XLM, 0),
        build_row(BARE, 10 * XLM, None),
    ]
    rows += [build_row(channel, 100 * XLM, None) for channel in CHANNELS]
    return {
        "network_passphrase": PASSPHRASE,
        "asset": {"code": "USDC", "issuer": ISSUER.public_key},
        "accounts": rows,
    }


def build_muxed_address(owner: Keypair, tag: int) -> str:
    return str(MuxedAccount(owner.public_key, tag).account_muxed)
