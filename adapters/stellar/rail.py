"""
The rail that settlements run on: sign, send, observe, prove.

Only low-level calls of the SDK are used, because its convenient ones rebuild, raise or give up
where a payment must not. Nothing here decides to pay twice: it cannot, a payment keeps its
(channel, sequence) until the network has consumed it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from stellar_sdk import Asset as SdkAsset
from stellar_sdk import Keypair, StrKey, TransactionEnvelope, xdr
from stellar_sdk.client.aiohttp_client import AiohttpClient
from stellar_sdk.soroban_rpc import GetTransactionStatus
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar import bumps, classic, results, transfers
from adapters.stellar.keys import Keys
from adapters.stellar.ledgers import Landing, LedgerWatch
from domain.attempts import Attempt, Observation, Outcome, SettlementRail
from domain.envelopes import Envelope
from domain.errors import ChainMismatch, ChainUnavailable, Obstructed
from domain.shares import Transfer

WATCH_SECONDS = 8.0
CALL_SECONDS = 10
# 5 XLM: a transfer costs a thousandth of it.
FEE_CAP_STROOPS = 50_000_000
Hashes = Callable[[], Awaitable[list[str]]]


class Rail:
    """One Stellar network, reached through one RPC node."""

    def __init__(
        self,
        rpc_url: str,
        passphrase: str,
        usdc_issuer: str,
        keys: Keys,
        fee_cap_stroops: int = FEE_CAP_STROOPS,
    ) -> None:
        self.passphrase = passphrase
        self.keys = keys
        self.fee_cap_stroops = fee_cap_stroops
        asset = SdkAsset("USDC", usdc_issuer)
        self.asset = transfers.Asset(asset, asset.contract_id(passphrase), passphrase)
        self.server = SorobanServerAsync(rpc_url, AiohttpClient(post_timeout=CALL_SECONDS))
        self.watch = LedgerWatch(self.server)

    async def close(self) -> None:
        await self.watch.close()
        await self.server.close()

    async def check_identity(self) -> None:
        """Refuse to run against another network than the one we sign for."""
        try:
            network = await self.server.get_network()
        except Exception as error:
            raise ChainUnavailable(f"the RPC node does not answer: {_name(error)}") from error
        if network.passphrase != self.passphrase:
            raise ChainMismatch(
                f"the RPC node serves {network.passphrase!r}, not {self.passphrase!r}; "
                "check STELLAR_RPC_URL and STELLAR_NETWORK_PASSPHRASE"
            )

    async def channel_sequences(self) -> dict[str, int]:
        """Return the last consumed sequence of every channel account that exists."""
        try:
            found = await self._sequences(list(self.keys.channels))
        except Exception as error:
            raise ChainUnavailable(f"cannot read the channel accounts: {_name(error)}") from error
        return found[1]

    async def sign(
        self,
        riding: Sequence[Transfer],
        rail: SettlementRail,
        channel: str,
        sequence: int,
        times_signed: int,
    ) -> Envelope:
        """
        Sign transfers on a given (channel, sequence), in a fee bump.

        Raises Obstructed when a payee or the treasury must change first, ChainUnavailable when
        the network cannot say.
        """
        signers = self._treasuries(riding)
        now = datetime.now(UTC)
        if rail is SettlementRail.CLASSIC:
            max_ledger = await self.latest_ledger() + transfers.LEDGERS_TO_LIVE
            inner = classic.draft(riding, self.asset, channel, sequence, max_ledger, now)
        else:
            (transfer,) = riding
            inner = transfers.draft(transfer, self.asset, channel, sequence, now)
            max_ledger = await self._assembled(inner)
        for signer in (self.keys.channels[channel], *signers):
            inner.sign(signer)
        return bumps.wrap(inner, self.keys.fees, times_signed, max_ledger, self.fee_cap_stroops)

    def _treasuries(self, riding: Sequence[Transfer]) -> list[Keypair]:
        """Return the keys that transfers need; refuse an account that is not ours."""
        signers = {}
        for transfer in riding:
            treasury = self.keys.treasuries[transfer.payer]
            if treasury.public_key != transfer.from_address:
                raise Obstructed(f"we hold no key for {transfer.from_address}")
            signers[treasury.public_key] = treasury
        return list(signers.values())

    async def _assembled(self, inner: TransactionEnvelope) -> int:
        try:
            simulation = await self.server.simulate_transaction(inner)
        except Exception as error:
            raise ChainUnavailable(f"cannot simulate: {_name(error)}") from error
        return transfers.assemble(inner, simulation)

    def raised(self, stored: Envelope) -> Envelope | None:
        """Bid more for a place in a ledger, around the same inner transaction."""
        return bumps.raised(stored, self.keys.fees, self.fee_cap_stroops, self.passphrase)

    async def latest_ledger(self) -> int:
        try:
            return (await self.server.get_latest_ledger()).sequence
        except Exception as error:
            raise ChainUnavailable(f"the RPC node does not answer: {_name(error)}") from error

    async def obstacles(self, riding: Sequence[Transfer]) -> dict[int, str]:
        """Ask the network, in one call, which transfers cannot be made as things stand, and why."""
        payees = sorted({transfer.to_address for transfer in riding})
        try:
            reply = await self.server.get_ledger_entries(classic.questions(payees, self.asset))
        except Exception as error:
            raise ChainUnavailable(f"cannot read the payees: {_name(error)}") from error
        return classic.payees(reply).obstacles(riding)

    async def send(self, envelope_xdr: str) -> str:
        """Send stored bytes. Whatever is not a parsed answer is unknown, never "not sent"."""
        try:
            return results.answer(await self.server.send_transaction(envelope_xdr))
        except Exception as error:
            return f"UNKNOWN {_name(error)}"

    async def observe(self, attempt: Attempt, hashes: Hashes) -> Observation:
        """
        Watch for an attempt and say what is proven; `hashes` asks for all those signed for it.

        Takes at most about ten seconds; OPEN means that nothing is proven yet.
        """
        try:
            since_ledger = attempt.max_ledger - transfers.LEDGERS_TO_LIVE
            with self.watch.expect(attempt.newest_hash, since_ledger) as seen:
                if attempt.resumed:
                    known = await self._look_up(hashes)
                    if known is not None:
                        return known
                with suppress(TimeoutError):
                    return _observation(await asyncio.wait_for(seen, WATCH_SECONDS))
            return await self._prove(attempt, hashes)
        except Exception as error:
            return Observation(Outcome.OPEN, reason=_name(error))

    async def is_dead(self, attempt: Attempt, hashes: Hashes) -> bool:
        """Tell whether stored bytes are proven never to land, so that new ones may be signed."""
        try:
            return (await self._prove(attempt, hashes)).outcome is Outcome.EXPIRED
        except Exception as error:
            raise ChainUnavailable(f"cannot read the channel account: {_name(error)}") from error

    async def _prove(self, attempt: Attempt, hashes: Hashes) -> Observation:
        """Read the channel: one consistent snapshot tells open, dead and consumed apart."""
        latest, sequences = await self._sequences([attempt.channel])
        if attempt.channel not in sequences:
            return Observation(Outcome.FOREIGN, reason="the channel account is gone")
        if sequences[attempt.channel] < attempt.sequence:
            dead = latest >= attempt.max_ledger - 1
            return Observation(Outcome.EXPIRED if dead else Outcome.OPEN, latest)
        # Consumed. Looked up only now, so that a node cannot have missed it by a race.
        known = await self._look_up(hashes)
        if known is not None:
            return known
        return Observation(Outcome.FOREIGN, latest, reason="consumed by bytes we do not know")

    async def _look_up(self, hashes: Hashes) -> Observation | None:
        for hash_ in await hashes():
            found = await self.server.get_transaction(hash_)
            if found.status is not GetTransactionStatus.NOT_FOUND:
                succeeded = found.status is GetTransactionStatus.SUCCESS
                return _observation(
                    Landing(
                        # Asked by the hash of what it carries, a node answers with that one.
                        bumps.outer_hash(found.envelope_xdr or "", self.passphrase),
                        succeeded,
                        found.result_xdr or "",
                        found.ledger or 0,
                        found.create_at or 0,
                    )
                )
        return None

    async def _sequences(self, accounts: list[str]) -> tuple[int, dict[str, int]]:
        """Return the ledger of one snapshot and the sequences of the accounts in it."""
        keys = [
            xdr.LedgerKey(
                xdr.LedgerEntryType.ACCOUNT,
                account=xdr.LedgerKeyAccount(Keypair.from_public_key(account).xdr_account_id()),
            )
            for account in accounts
        ]
        reply = await self.server.get_ledger_entries(keys)
        found = {}
        for result in reply.entries or []:
            entry = xdr.LedgerEntryData.from_xdr(result.xdr).account
            assert entry is not None
            raw = entry.account_id.account_id.ed25519
            assert raw is not None
            address = StrKey.encode_ed25519_public_key(raw.uint256)
            found[address] = entry.seq_num.sequence_number.int64
        return reply.latest_ledger, found


def _observation(landing: Landing) -> Observation:
    reason, fee = results.failure(landing.result_xdr)
    return Observation(
        Outcome.SUCCEEDED if landing.succeeded else Outcome.FAILED_RETRY,
        landing.ledger,
        datetime.fromtimestamp(landing.closed_at_seconds, UTC),
        fee,
        "" if landing.succeeded else reason,
        landing.hash,
        [] if landing.succeeded else classic.failing(landing.result_xdr),
    )


def _name(error: Exception) -> str:
    """Name an error without its text, which may quote what was sent."""
    return type(error).__name__
