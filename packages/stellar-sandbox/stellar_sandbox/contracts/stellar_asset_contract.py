"""The Stellar Asset Contract: an asset's accounts and trustlines, spoken to as a contract.

Its error numbers are the network's own, so the engine meets here what it will meet outside.
"""

from __future__ import annotations

from stellar_sdk import scval, xdr
from stellar_sdk.xdr import SCErrorCode, SCErrorType

from stellar_sandbox.contracts.host import Call
from stellar_sandbox.contracts.host_errors import Trapped
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import NATIVE, asset_contract, issuer_of
from stellar_sandbox.ledger.balances import Blocked, Obstacle, deposit, transfer_event, withdraw
from stellar_sandbox.ledger.entries import INT64_MAX, ContractData, Trustline
from stellar_sandbox.ledger.ledger_keys import INSTANCE_SLOT, address_of

UNSUPPORTED, ACCOUNT_MISSING, NEGATIVE_AMOUNT, BALANCE = 2, 6, 8, 10
DEAUTHORIZED, OVERFLOW, TRUSTLINE_MISSING = 11, 12, 13

TRANSFER_INSTRUCTIONS = 250_000
VIEW_INSTRUCTIONS = 100_000
LIVE_FOR_EVER = 2**32 - 1

ERRORS = {
    Obstacle.NO_ACCOUNT: ACCOUNT_MISSING,
    Obstacle.NO_TRUST: TRUSTLINE_MISSING,
    Obstacle.NOT_AUTHORIZED: DEAUTHORIZED,
    Obstacle.UNDERFUNDED: BALANCE,
    Obstacle.LINE_FULL: BALANCE,
}


def contract_error(number: int) -> Trapped:
    return Trapped(SCErrorType.SCE_CONTRACT, number)


class AssetContract:
    def __init__(self, asset: str) -> None:
        self.asset = asset
        self.issuer = issuer_of(asset)
        self._functions = {
            "transfer": (self._transfer, 3),
            "balance": (self._balance, 1),
            "authorized": (self._authorized, 1),
            "decimals": (self._decimals, 0),
            "name": (self._name, 0),
            "symbol": (self._symbol, 0),
        }

    def invoke(self, call: Call) -> bytes:
        function, arity = self._functions.get(call.function, (None, 0))
        if function is None:
            raise Trapped(SCErrorType.SCE_WASM_VM, SCErrorCode.SCEC_MISSING_VALUE)
        if len(call.args) != arity:
            raise Trapped(SCErrorType.SCE_WASM_VM, SCErrorCode.SCEC_UNEXPECTED_SIZE)
        call.instructions += VIEW_INSTRUCTIONS if arity < 3 else TRANSFER_INSTRUCTIONS
        return function(call)

    def instance(self, passphrase: str) -> ContractData:
        """The entry that says this contract exists, as the network keeps it."""
        symbol = self.asset.partition(":")[0]
        metadata = xdr_codec.sc_map(
            [
                (xdr_codec.sc_symbol("decimal"), xdr_codec.sc_u32(7)),
                (xdr_codec.sc_symbol("name"), xdr_codec.sc_string(self.asset)),
                (xdr_codec.sc_symbol("symbol"), xdr_codec.sc_string(symbol)),
            ]
        )
        storage = [xdr_codec.sc_symbol("METADATA") + metadata]
        # SCV_CONTRACT_INSTANCE, executable STELLAR_ASSET, storage present
        value = bytes.fromhex("000000130000000100000001") + xdr_codec.array(storage)
        contract = asset_contract(self.asset, passphrase)
        return ContractData(contract, INSTANCE_SLOT, value.hex(), 1, LIVE_FOR_EVER)

    def _transfer(self, call: Call) -> bytes:
        source = _address(call.args[0], muxed_allowed=False)
        target, tag = _address(call.args[1]), _muxed_id(call.args[1])
        amount = _amount(call.args[2])
        if amount < 0:
            raise contract_error(NEGATIVE_AMOUNT)
        call.require_auth(source)
        if amount > INT64_MAX:
            raise contract_error(OVERFLOW)
        self._move(call, source, -amount)
        self._move(call, target, amount)
        call.events.append(
            transfer_event(
                call.passphrase,
                self.asset,
                xdr_codec.sc_address(source),
                xdr_codec.sc_address(target),
                amount,
                minted=source == self.issuer,
                burned=target == self.issuer,
                tag=None if tag is None else xdr_codec.sc_u64(tag),
            )
        )
        return xdr_codec.VOID

    def _move(self, call: Call, address: str, amount: int) -> None:
        if not address.startswith("G"):
            # Balances held by contracts are left out of the box.
            raise contract_error(UNSUPPORTED)
        try:
            if amount < 0:
                withdraw(call.state, address, self.asset, -amount)
            else:
                deposit(call.state, address, self.asset, amount)
        except Blocked as blocked:
            missing = call.state.peek(("account", address)) is None
            number = ACCOUNT_MISSING if missing else ERRORS[blocked.obstacle]
            raise contract_error(number) from None

    def _line(self, call: Call, address: str) -> Trustline:
        line = call.state.trustline(address, self.asset)
        if line is None:
            missing = call.state.peek(("account", address)) is None
            raise contract_error(ACCOUNT_MISSING if missing else TRUSTLINE_MISSING)
        return line

    def _balance(self, call: Call) -> bytes:
        address = _address(call.args[0], muxed_allowed=False)
        if not address.startswith("G"):
            return xdr_codec.sc_i128(0)
        if address == self.issuer:
            return xdr_codec.sc_i128(INT64_MAX)
        if self.asset == NATIVE:
            account = call.state.account(address)
            if account is None:
                raise contract_error(ACCOUNT_MISSING)
            return xdr_codec.sc_i128(max(0, account.spendable))
        return xdr_codec.sc_i128(self._line(call, address).balance)

    def _authorized(self, call: Call) -> bytes:
        address = _address(call.args[0], muxed_allowed=False)
        if self.asset == NATIVE or address == self.issuer or not address.startswith("G"):
            return xdr_codec.sc_bool(True)
        return xdr_codec.sc_bool(self._line(call, address).authorized)

    def _decimals(self, call: Call) -> bytes:
        return xdr_codec.sc_u32(7)

    def _name(self, call: Call) -> bytes:
        return xdr_codec.sc_string(self.asset)

    def _symbol(self, call: Call) -> bytes:
        return xdr_codec.sc_string(self.asset.partition(":")[0])


def _address(value: xdr.SCVal, muxed_allowed: bool = True) -> str:
    address = address_of(value.address) if value.address is not None else ""
    if not address or (_muxed_id(value) is not None and not muxed_allowed):
        raise Trapped(SCErrorType.SCE_VALUE, SCErrorCode.SCEC_UNEXPECTED_TYPE)
    return address


def _muxed_id(value: xdr.SCVal) -> int | None:
    muxed = value.address.muxed_account if value.address is not None else None
    return None if muxed is None else muxed.id.uint64


def _amount(value: xdr.SCVal) -> int:
    if value.i128 is None:
        raise Trapped(SCErrorType.SCE_VALUE, SCErrorCode.SCEC_UNEXPECTED_TYPE)
    return scval.from_int128(value)
