"""Wallets on the network: what they can receive, SEP-10 challenges, and the friendbot."""

import re
from datetime import UTC, datetime
from functools import partial

import httpx
from stellar_sdk import Keypair, StrKey, TransactionBuilder, xdr
from stellar_sdk.sep import stellar_web_authentication as web_auth
from stellar_sdk.sep.ed25519_public_key_signer import Ed25519PublicKeySigner
from stellar_sdk.sep.exceptions import InvalidSep10ChallengeError
from stellar_sdk.soroban_rpc import GetLedgerEntriesResponse
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar.accounts.memo_requirements import make_memo_keys, parse_memo_requirements
from adapters.stellar.rpc import ledger_entries
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.soroban_transfers import Asset
from domain.errors import ChainUnavailable, Conflict, Invalid
from domain.settlement.owners.wallets import (
    CHALLENGE_SECONDS,
    Challenge,
    Readiness,
    SignedChallenge,
)

HOME_DOMAIN = "apexchainx"
FRIENDBOT_SECONDS = 6.0
# Answers of present and older friendbots for an account that is funded already.
ALREADY_FUNDED = re.compile("already funded|already_?exist", re.IGNORECASE)


class WalletAccounts:
    """Reads accounts, and signs and checks challenges in the name of the operator (SEP-10)."""

    def __init__(self, nodes: Nodes, asset: Asset, operator: Keypair) -> None:
        self.nodes = nodes
        self.asset = asset
        self.operator = operator

    async def read(self, address: str) -> Readiness:
        reply = await self._read_entries(address)
        payees = ledger_entries.parse_accounts(reply)
        line = payees.lines.get(address)
        native, balance = ledger_entries.parse_holdings(reply)
        return Readiness(
            address,
            address in payees.accounts,
            line is not None,
            line is not None and line.authorised,
            0 if line is None else line.room_stroops,
            payees.ledger,
            datetime.now(UTC),
            native,
            balance,
            address in parse_memo_requirements(reply),
        )

    def challenge(self, address: str) -> Challenge:
        text = web_auth.build_challenge_transaction(
            self.operator.secret,
            address,
            HOME_DOMAIN,
            HOME_DOMAIN,
            self.asset.passphrase,
            CHALLENGE_SECONDS,
        )
        envelope = TransactionBuilder.from_xdr(text, self.asset.passphrase)
        bounds = envelope.transaction.preconditions.time_bounds  # type: ignore[union-attr]
        assert bounds is not None
        expires_at = datetime.fromtimestamp(bounds.max_time, UTC)
        hash_ = envelope.hash_hex()
        return Challenge(address, text, hash_, self.asset.passphrase, expires_at)

    async def check(self, proof: SignedChallenge) -> str:
        """
        Verify a signed challenge and return its hash.

        Raises Invalid when it is not a challenge of ours for this account, Conflict when its
        signatures do not prove the account.
        """
        try:
            read = web_auth.read_challenge_transaction(
                proof.transaction_xdr,
                self.operator.public_key,
                HOME_DOMAIN,
                HOME_DOMAIN,
                self.asset.passphrase,
            )
        except Exception as error:  # the SDK raises many errors for text that is no envelope
            why = (
                str(error) if isinstance(error, InvalidSep10ChallengeError) else "it is unreadable"
            )
            raise Invalid(
                "transaction_xdr", f"is not a challenge that this service made: {why}"
            ) from None
        if read.client_account_id != proof.address:
            raise Invalid("transaction_xdr", "this challenge was given for another wallet")
        threshold, signers = await self._read_signers(proof.address)
        try:
            web_auth.verify_challenge_transaction_threshold(
                proof.transaction_xdr,
                self.operator.public_key,
                HOME_DOMAIN,
                HOME_DOMAIN,
                self.asset.passphrase,
                threshold,
                signers,
            )
        except InvalidSep10ChallengeError as error:
            raise Conflict(
                f"the signatures do not prove that the account is yours: {error}"
            ) from None
        return read.transaction.hash_hex()

    async def _read_signers(self, address: str) -> tuple[int, list[Ed25519PublicKeySigner]]:
        """Return an account's threshold and signers; for one that does not exist, its own key."""
        reply = await self._read_entries(address)
        for result in reply.entries or []:
            account = xdr.LedgerEntryData.from_xdr(result.xdr).account
            if account is not None:
                master, _, medium, _ = account.thresholds.thresholds
                signers = [Ed25519PublicKeySigner(address, master)] if master else []
                for signer in account.signers:
                    if signer.key.ed25519 is not None:
                        key = StrKey.encode_ed25519_public_key(signer.key.ed25519.uint256)
                        signers.append(Ed25519PublicKeySigner(key, signer.weight.uint32))
                return max(medium, 1), signers
        return 1, [Ed25519PublicKeySigner(address, 1)]

    async def _read_entries(self, address: str) -> GetLedgerEntriesResponse:
        question = [*ledger_entries.make_keys([address], self.asset), *make_memo_keys([address])]
        return await self.nodes.ask(partial(_get_entries, question), at_least=self.nodes.highest)


async def _get_entries(
    question: list[xdr.LedgerKey], server: SorobanServerAsync
) -> GetLedgerEntriesResponse:
    return await server.get_ledger_entries(question)


async def fund_account(friendbot_url: str, address: str) -> None:
    """Let a test network's friendbot fund an account; an existing one does not change."""
    async with httpx.AsyncClient(timeout=FRIENDBOT_SECONDS, trust_env=False) as client:
        try:
            answer = await client.get(friendbot_url, params={"addr": address})
        except httpx.HTTPError as error:
            raise ChainUnavailable(
                f"the friendbot does not answer: {type(error).__name__}"
            ) from None
    status = answer.status_code
    if answer.is_success or (status == 400 and ALREADY_FUNDED.search(answer.text)):
        return
    if status == 429 or status >= 500:
        raise ChainUnavailable(f"the friendbot answered {status}; repeat the request")
    raise Conflict(f"the friendbot did not fund the account; it answered {status}")
