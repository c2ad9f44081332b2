"""Authorization of contract calls: by the source account, or by a signed authorization entry.

The operation's source authorizes the call by its signature of the transaction. Any other account
signs an entry for this very call, with a nonce that the ledger stores and takes only once.
"""

from __future__ import annotations

from hashlib import sha256
from struct import pack

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from stellar_sdk import xdr
from stellar_sdk.auth import build_authorization_preimage
from stellar_sdk.xdr import SCErrorCode, SCErrorType, SorobanCredentialsType

from stellar_sandbox.contracts.host_errors import HostError
from stellar_sandbox.envelopes.signature_checker import MEDIUM
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import encode_account
from stellar_sandbox.ledger.entries import AccountEntry, ContractDataEntry
from stellar_sandbox.ledger.ledger_keys import parse_sc_address
from stellar_sandbox.ledger.ledger_txn import LedgerTxn

MAX_SIGNATURES = 20
TEMPORARY = 0


class AuthorizationManager:
    """Answers `require_auth`; in recording mode it notes the addresses instead of checking them."""

    def __init__(
        self,
        source: str,
        entries: list[xdr.SorobanAuthorizationEntry],
        recording: bool,
        passphrase: str,
    ) -> None:
        self.source = source
        self.recording = recording
        self.passphrase = passphrase
        self.recorded: list[str] = []
        self._entries = list(entries)
        self._required: set[str] = set()

    def require(
        self, address: str, arguments: xdr.InvokeContractArgs, ltx: LedgerTxn, ledger: int
    ) -> None:
        if address in self._required:  # a call requires an address once
            raise HostError(SCErrorType.SCE_AUTH, SCErrorCode.SCEC_EXISTING_VALUE)
        self._required.add(address)
        call = arguments.to_xdr_bytes()
        if self.recording:
            self.recorded.append(address)
            if address != self.source:
                ltx.load_account(address)
                _consume_nonce(ltx, address, derive_nonce(address, call, ledger), ledger)
            return
        entry = self._take_entry(address, call)
        if entry is None:
            raise _build_error()
        credentials = entry.credentials.address
        if credentials is None:
            return
        expiry = credentials.signature_expiration_ledger.uint32
        if expiry < ledger:
            raise HostError(SCErrorType.SCE_AUTH, SCErrorCode.SCEC_INVALID_INPUT)
        account = ltx.load_account(address)
        preimage = build_authorization_preimage(entry, expiry, self.passphrase)
        payload = sha256(preimage.to_xdr_bytes()).digest()
        if account is None or not _is_signed_by(account, credentials.signature, payload):
            raise _build_error()
        _consume_nonce(ltx, address, credentials.nonce.int64, expiry)

    def _take_entry(self, address: str, call: bytes) -> xdr.SorobanAuthorizationEntry | None:
        """Take the entry with which this address authorizes this very call."""
        for entry in self._entries:
            function = entry.root_invocation.function.contract_fn
            if function is None or function.to_xdr_bytes() != call:
                continue
            if self._grants(entry.credentials, address):
                self._entries.remove(entry)
                return entry
        return None

    def _grants(self, credentials: xdr.SorobanCredentials, address: str) -> bool:
        if credentials.type == SorobanCredentialsType.SOROBAN_CREDENTIALS_SOURCE_ACCOUNT:
            return address == self.source
        # Newer kinds of credentials are not supported: they authorize nothing.
        return (
            credentials.address is not None
            and parse_sc_address(credentials.address.address) == address
        )


def derive_nonce(address: str, call: bytes, ledger: int) -> int:
    """Return the nonce that a simulation proposes for a call in a ledger."""
    digest = sha256(address.encode() + call + pack(">I", ledger)).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _consume_nonce(ltx: LedgerTxn, address: str, nonce: int, expiry: int) -> None:
    data_key = (pack(">i", 21) + pack(">q", nonce)).hex()
    if ltx.load_contract_data(address, data_key, TEMPORARY) is not None:
        raise HostError(SCErrorType.SCE_AUTH, SCErrorCode.SCEC_EXISTING_VALUE)
    ltx.put(ContractDataEntry(address, data_key, xdr_codec.VOID.hex(), TEMPORARY, expiry))


def _is_signed_by(account: AccountEntry, signature: xdr.SCVal, payload: bytes) -> bool:
    """Whether the signers reach the account's medium threshold, each named once and in order."""
    if signature.vec is None or not 1 <= len(signature.vec.sc_vec) <= MAX_SIGNATURES:
        return False
    signers = dict(account.signers)
    if account.thresholds[0]:
        signers[account.address] = account.thresholds[0]
    weight, last = 0, b""
    for item in signature.vec.sc_vec:
        key, bytes_ = _read_signature(item)
        power = signers.get(encode_account(key), 0) if len(key) == 32 else 0
        if key <= last or not power or not _verify(key, payload, bytes_):
            return False
        weight, last = weight + min(power, 255), key
    return weight >= max(1, account.thresholds[MEDIUM])


def _read_signature(item: xdr.SCVal) -> tuple[bytes, bytes]:
    rows = item.map.sc_map if item.map is not None else []
    found = {
        row.key.sym.sc_symbol: row.val.bytes.sc_bytes
        for row in rows
        if row.key.sym is not None and row.val.bytes is not None
    }
    return found.get(b"public_key", b""), found.get(b"signature", b"")


def _verify(key: bytes, payload: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(key).verify(payload, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


def _build_error() -> HostError:
    return HostError(SCErrorType.SCE_AUTH, SCErrorCode.SCEC_INVALID_ACTION)
