"""Signatures: signer weights against thresholds, and no signature that nobody needs."""

from __future__ import annotations

from functools import lru_cache

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from stellar_sdk.xdr import DecoratedSignature, OperationType

from stellar_sandbox.ledger.addresses import decode_account
from stellar_sandbox.ledger.entries import AccountEntry

LOW, MEDIUM, HIGH = 1, 2, 3


@lru_cache(maxsize=65_536)
def _get_verify_key(address: str) -> VerifyKey:
    return VerifyKey(decode_account(address))


@lru_cache(maxsize=65_536)
def _verify(address: str, digest: bytes, signature: bytes) -> bool:
    # The same signature is checked when it is sent and again when its ledger closes.
    try:
        _get_verify_key(address).verify(digest, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


class SignatureChecker:
    """The signatures of one envelope, and which of them were used."""

    def __init__(self, digest: bytes, signatures: list[DecoratedSignature]) -> None:
        self._digest = digest
        self._items = [(item.hint.signature_hint, item.signature.signature) for item in signatures]
        self._used = [False] * len(self._items)

    def check_account(self, account: AccountEntry, level: int) -> bool:
        """Whether the account's signers reach a threshold; signatures that count are used."""
        needed = max(1, account.thresholds[level])
        signers = dict(account.signers)
        if account.thresholds[0]:
            signers[account.address] = account.thresholds[0]
        return self._weigh(signers, needed)

    def check_missing_account(self, address: str) -> bool:
        """Whether the master key of an account that does not exist has signed."""
        return self._weigh({address: 1}, 1)

    def _weigh(self, signers: dict[str, int], needed: int) -> bool:
        weight = 0
        for index, (hint, signature) in enumerate(self._items):
            for address, power in list(signers.items()):
                if decode_account(address)[-4:] == hint and _verify(
                    address, self._digest, signature
                ):
                    self._used[index] = True
                    weight += min(power, 255)
                    del signers[address]
                    break
            if weight >= needed:
                return True
        return False

    @property
    def all_signatures_used(self) -> bool:
        return all(self._used)


def get_threshold_level(kind: OperationType, changes_signers: bool) -> int:
    if kind in (
        OperationType.SET_TRUST_LINE_FLAGS,
        OperationType.BUMP_SEQUENCE,
        OperationType.CLAIM_CLAIMABLE_BALANCE,
        OperationType.ALLOW_TRUST,
    ):
        return LOW
    if kind == OperationType.ACCOUNT_MERGE or changes_signers:
        return HIGH
    return MEDIUM
