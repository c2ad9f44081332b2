"""The Stellar Asset Contract (SAC): accounts and trustlines of an asset behind a contract.

Its error numbers are those of the real contract.
"""

from __future__ import annotations

from stellar_sdk import scval, xdr
from stellar_sdk.xdr import SCErrorCode, SCErrorType

from stellar_sandbox.contracts.host import ContractCall
from stellar_sandbox.contracts.host_errors import HostError
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import NATIVE, derive_asset_contract, get_issuer
from stellar_sandbox.ledger.balances import (
    TransferError,
    TransferFailed,
    build_transfer_event,
    deposit,
    withdraw,
)
from stellar_sandbox.ledger.entries import INT64_MAX, ContractDataEntry, TrustLineEntry
from stellar_sandbox.ledger.ledger_keys import INSTANCE_KEY, parse_sc_address

UNSUPPORTED, ACCOUNT_MISSING, NEGATIVE_AMOUNT, BALANCE = 2, 6, 8, 10
DEAUTHORIZED, OVERFLOW, TRUSTLINE_MISSING = 11, 12, 13

TRANSFER_INSTRUCTIONS = 250_000
VIEW_INSTRUCTIONS = 100_000
NEVER_EXPIRES = 2**32 - 1

ERRORS = {
    TransferError.NO_ACCOUNT: ACCOUNT_MISSING,
    TransferError.NO_TRUST: TRUSTLINE_MISSING,
    TransferError.NOT_AUTHORIZED: DEAUTHORIZED,
    TransferError.UNDERFUNDED: BALANCE,
    TransferError.LINE_FULL: BALANCE,
}


def build_contract_error(number: int) -> HostError:
    return HostError(SCErrorType.SCE_CONTRACT, number)


class AssetContract:
    def __init__(self, asset: str) -> None:
        self.asset = asset
        self.issuer = get_issuer(asset)
        self._functions = {
            "transfer": (self._transfer, 3),
            "balance": (self._balance, 1),
            "authorized": (self._authorized, 1),
            "decimals": (self._decimals, 0),
            "name": (self._name, 0),
            "symbol": (self._symbol, 0),
        }

    def invoke(self, call: ContractCall) -> bytes:
        function, arity = self._functions.get(call.function, (None, 0))
        if function is None:
            raise HostError(SCErrorType.SCE_WASM_VM, SCErrorCode.SCEC_MISSING_VALUE)
        if len(call.args) != arity:
            raise HostError(SCErrorType.SCE_WASM_VM, SCErrorCode.SCEC_UNEXPECTED_SIZE)
        call.instructions += VIEW_INSTRUCTIONS if arity < 3 else TRANSFER_INSTRUCTIONS
        return function(call)

    def build_instance(self, passphrase: str) -> ContractDataEntry:
        """Return the instance entry of this contract, as the network stores it."""
        symbol = self.asset.partition(":")[0]
        metadata = xdr_codec.encode_map(
            [
                (xdr_codec.encode_symbol("decimal"), xdr_codec.encode_u32(7)),
                (xdr_codec.encode_symbol("name"), xdr_codec.encode_string(self.asset)),
                (xdr_codec.encode_symbol("symbol"), xdr_codec.encode_string(symbol)),
            ]
        )
        storage = [xdr_codec.encode_symbol("METADATA") + metadata]
        # SCV_CONTRACT_INSTANCE, executable STELLAR_ASSET, storage present
        value = bytes.fromhex("000000130000000100000001") + xdr_codec.encode_array(storage)
        contract = derive_asset_contract(self.asset, passphrase)
        return ContractDataEntry(contract, INSTANCE_KEY, value.hex(), 1, NEVER_EXPIRES)

    def _transfer(self, call: ContractCall) -> bytes:
        source = _read_address(call.args[0], muxed_allowed=False)
        target, muxed_id = _read_address(call.args[1]), _read_muxed_id(call.args[1])
        amount = _read_amount(call.args[2])
        if amount < 0:
            raise build_contract_error(NEGATIVE_AMOUNT)
        call.require_auth(source)
        if amount > INT64_MAX:
            raise build_contract_error(OVERFLOW)
        self._move(call, source, -amount)
        self._move(call, target, amount)
        call.events.append(
            build_transfer_event(
                call.passphrase,
                self.asset,
                xdr_codec.encode_sc_address(source),
                xdr_codec.encode_sc_address(target),
                amount,
                minted=source == self.issuer,
                burned=target == self.issuer,
                to_muxed_id=None if muxed_id is None else xdr_codec.encode_u64(muxed_id),
            )
        )
        return xdr_codec.VOID

    def _move(self, call: ContractCall, address: str, amount: int) -> None:
        if not address.startswith("G"):
            # Balances of contracts are not supported.
            raise build_contract_error(UNSUPPORTED)
        try:
            if amount < 0:
                withdraw(call.ltx, address, self.asset, -amount)
            else:
                deposit(call.ltx, address, self.asset, amount)
        except TransferFailed as failure:
            missing = call.ltx.peek(("account", address)) is None
            number = ACCOUNT_MISSING if missing else ERRORS[failure.error]
            raise build_contract_error(number) from None

    def _require_trustline(self, call: ContractCall, address: str) -> TrustLineEntry:
        line = call.ltx.load_trustline(address, self.asset)
        if line is None:
            missing = call.ltx.peek(("account", address)) is None
            raise build_contract_error(ACCOUNT_MISSING if missing else TRUSTLINE_MISSING)
        return line

    def _balance(self, call: ContractCall) -> bytes:
        address = _read_address(call.args[0], muxed_allowed=False)
        if not address.startswith("G"):
            return xdr_codec.encode_i128(0)
        if address == self.issuer:
            return xdr_codec.encode_i128(INT64_MAX)
        if self.asset == NATIVE:
            account = call.ltx.load_account(address)
            if account is None:
                raise build_contract_error(ACCOUNT_MISSING)
            return xdr_codec.encode_i128(max(0, account.available_balance))
        return xdr_codec.encode_i128(self._require_trustline(call, address).balance)

    def _authorized(self, call: ContractCall) -> bytes:
        address = _read_address(call.args[0], muxed_allowed=False)
        if self.asset == NATIVE or address == self.issuer or not address.startswith("G"):
            return xdr_codec.encode_bool(True)
        return xdr_codec.encode_bool(self._require_trustline(call, address).authorized)

    def _decimals(self, call: ContractCall) -> bytes:
        return xdr_codec.encode_u32(7)

    def _name(self, call: ContractCall) -> bytes:
        return xdr_codec.encode_string(self.asset)

    def _symbol(self, call: ContractCall) -> bytes:
        return xdr_codec.encode_string(self.asset.partition(":")[0])


def _read_address(value: xdr.SCVal, muxed_allowed: bool = True) -> str:
    address = parse_sc_address(value.address) if value.address is not None else ""
    if not address or (_read_muxed_id(value) is not None and not muxed_allowed):
        raise HostError(SCErrorType.SCE_VALUE, SCErrorCode.SCEC_UNEXPECTED_TYPE)
    return address


def _read_muxed_id(value: xdr.SCVal) -> int | None:
    muxed = value.address.muxed_account if value.address is not None else None
    return None if muxed is None else muxed.id.uint64


def _read_amount(value: xdr.SCVal) -> int:
    if value.i128 is None:
        raise HostError(SCErrorType.SCE_VALUE, SCErrorCode.SCEC_UNEXPECTED_TYPE)
    return scval.from_int128(value)
