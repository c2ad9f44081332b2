"""The genesis file: the accounts, balances and contracts of the first ledger."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson
from stellar_sdk import StrKey

from stellar_sandbox.calculator.contract import SlaCalculator
from stellar_sandbox.contracts.host import GenesisContract
from stellar_sandbox.contracts.stellar_asset_contract import AssetContract
from stellar_sandbox.ledger.addresses import NATIVE
from stellar_sandbox.ledger.entries import AccountEntry, LedgerEntry, TrustLineEntry

ISSUER_NATIVE = 10_000 * 10_000_000


class InvalidGenesis(ValueError):
    """The genesis file is invalid."""


@dataclass(frozen=True, slots=True)
class Genesis:
    passphrase: str
    asset: str
    accounts: tuple[tuple[str, int, int | None], ...]  # address, XLM and issued asset in stroops
    digest: str
    sla_contract: tuple[str, str, str, int] | None = None  # contract, admin, operator, retention

    @classmethod
    def read(cls, path: Path) -> Genesis:
        try:
            raw = path.read_bytes()
            return cls.parse(orjson.loads(raw))
        except OSError as error:
            raise InvalidGenesis(f"The genesis file {path} cannot be read: {error}.") from error
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise InvalidGenesis(f"The genesis file {path} is not one: {error!r}.") from error

    @classmethod
    def parse(cls, document: dict[str, object]) -> Genesis:
        asset, rows = document["asset"], document["accounts"]
        if not isinstance(asset, dict) or not isinstance(rows, list):
            raise TypeError("asset must be an object and accounts a list")
        issuer = str(asset["issuer"])
        accounts = tuple(_parse_account(row) for row in rows)
        if not StrKey.is_valid_ed25519_public_key(issuer):
            raise InvalidGenesis(f"The genesis file names no valid issuer: {issuer}.")
        named = {address for address, _, _ in accounts}
        if len(named) != len(accounts):
            raise InvalidGenesis("The genesis file names an account twice.")
        digest = sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()
        passphrase = str(document["network_passphrase"])
        sla_contract = _parse_sla_contract(document.get("sla_contract"))
        return cls(passphrase, f"{asset['code']}:{issuer}", accounts, digest, sla_contract)

    def build_contracts(self) -> list[GenesisContract]:
        result: list[GenesisContract] = [AssetContract(NATIVE), AssetContract(self.asset)]
        if self.sla_contract is not None:
            result.append(SlaCalculator(*self.sla_contract))
        return result

    def build_entries(self) -> list[LedgerEntry]:
        issuer = self.asset.partition(":")[2]
        result: list[LedgerEntry] = [
            contract.build_instance(self.passphrase) for contract in self.build_contracts()
        ]
        if issuer not in {address for address, _, _ in self.accounts}:
            result.append(AccountEntry(issuer, ISSUER_NATIVE, 0))
        for address, native, issued in self.accounts:
            trusts = issued is not None and address != issuer
            result.append(AccountEntry(address, native, 0, num_sub_entries=int(trusts)))
            if issued is not None and trusts:
                result.append(TrustLineEntry(address, self.asset, issued))
        return result


def _parse_account(row: dict[str, object]) -> tuple[str, int, int | None]:
    address, native, issued = row["address"], row["native_stroops"], row.get("usdc_stroops")
    if not isinstance(address, str) or not StrKey.is_valid_ed25519_public_key(address):
        raise InvalidGenesis(f"The genesis file names no valid account: {address}.")
    for amount in (native, issued):
        if amount is not None and (type(amount) is not int or not 0 <= amount < 2**63):
            raise InvalidGenesis(f"The genesis file gives {address} no whole stroops: {amount!r}.")
    assert isinstance(native, int)
    assert issued is None or isinstance(issued, int)
    return address, native, issued


def _parse_sla_contract(row: object) -> tuple[str, str, str, int] | None:
    """Parse the optional SLA calculator, which is initialized in the first ledger."""
    if row is None:
        return None
    if not isinstance(row, dict):
        raise TypeError("sla_contract must be an object")
    contract, limit = str(row["contract"]), row["retention_limit"]
    admin, operator = str(row["admin"]), str(row["operator"])
    if not StrKey.is_valid_contract(contract):
        raise InvalidGenesis(f"The genesis file names no valid contract: {contract}.")
    for address in (admin, operator):
        if not StrKey.is_valid_ed25519_public_key(address):
            raise InvalidGenesis(f"The genesis file gives the contract no valid role: {address}.")
    if type(limit) is not int or not 1 <= limit <= 1_000:
        raise InvalidGenesis(f"The genesis file gives the contract no retention limit: {limit!r}.")
    return contract, admin, operator, limit
