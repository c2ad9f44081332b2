"""Accounts, contracts and assets: from XDR to text (StrKey) and back.

The sandbox names an account by its `G...` address and an asset by `native` or `CODE:ISSUER`.
Base32 with a checksum is slow and the same few thousand addresses return for ever: hence caches.
"""

from __future__ import annotations

from functools import lru_cache

from stellar_sdk import Asset, StrKey, xdr

NATIVE = "native"


@lru_cache(maxsize=65_536)
def encode_account(raw: bytes) -> str:
    return StrKey.encode_ed25519_public_key(raw)


@lru_cache(maxsize=65_536)
def decode_account(address: str) -> bytes:
    return StrKey.decode_ed25519_public_key(address)


@lru_cache(maxsize=4_096)
def encode_contract(raw: bytes) -> str:
    return StrKey.encode_contract(raw)


@lru_cache(maxsize=4_096)
def decode_contract(contract: str) -> bytes:
    return StrKey.decode_contract(contract)


def parse_account_id(account_id: xdr.AccountID) -> str:
    assert account_id.account_id.ed25519 is not None
    return encode_account(account_id.account_id.ed25519.uint256)


def parse_muxed_account(account: xdr.MuxedAccount) -> tuple[str, int | None]:
    """Return the account of a possibly muxed address, and its 64-bit id if it has one."""
    if account.med25519 is not None:
        return encode_account(account.med25519.ed25519.uint256), account.med25519.id.uint64
    assert account.ed25519 is not None
    return encode_account(account.ed25519.uint256), None


def parse_asset(asset: xdr.Asset | xdr.ChangeTrustAsset | xdr.TrustLineAsset) -> str | None:
    """Return the asset's name; None for pool shares, and for codes that the network refuses."""
    if asset.type == xdr.AssetType.ASSET_TYPE_NATIVE:
        return NATIVE
    alpha = asset.alpha_num4 or asset.alpha_num12
    if alpha is None:
        return None
    code = alpha.asset_code
    short = isinstance(code, xdr.AssetCode4)
    raw = (code.asset_code4 if isinstance(code, xdr.AssetCode4) else code.asset_code12).rstrip(
        bytes(1)
    )
    if not raw.isalnum() or (not short and len(raw) <= 4):
        return None
    return f"{raw.decode('ascii')}:{parse_account_id(alpha.issuer)}"


def get_issuer(asset: str) -> str | None:
    return None if asset == NATIVE else asset.partition(":")[2]


@lru_cache(maxsize=1_024)
def derive_asset_contract(asset: str, passphrase: str) -> str:
    """Return the id of the asset's contract (SAC) on this network."""
    code, _, issuer = asset.partition(":")
    return (Asset(code, issuer) if issuer else Asset.native()).contract_id(passphrase)
