"""What a transaction has used is read from its own bytes, which no node can make up."""

from stellar_sdk import FeeBumpTransactionEnvelope, TransactionEnvelope

from adapters.stellar.finality.node_reports import parse_use
from adapters.stellar.finality.sequence_uses import find_use
from adapters.stellar.rpc.nodes import Nodes
from domain.settlement.allocations import Allocation, Transfer
from domain.settlement.attempts import SettlementRail
from domain.settlement.envelopes import Envelope
from domain.settlement.payments import Treasury
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import PASSPHRASE, PAYER, SHOP
from tests.adapters.stellar.conftest import CHANNELS, build_rail, plan_faults

ADDRESS = next(iter(CHANNELS))
OWED = Transfer(7, Treasury.BOND, PAYER.public_key, SHOP.public_key, 25, (Allocation("pay", 25),))


async def sign(sandbox: StellarSandbox, nodes: Nodes) -> Envelope:
    return await build_rail(sandbox, nodes).sign([OWED], SettlementRail.SOROBAN, ADDRESS, 1, 0)


async def test_account_and_sequence_are_read_of_what_a_node_shows(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    signed = await sign(sandbox, nodes)
    assert await find_use(nodes, PASSPHRASE, signed.hash) is None
    await build_rail(sandbox, nodes).send(signed.xdr)
    sandbox.close_ledger()
    plan_faults(sandbox, {"kind": "node_down", "node": 0})
    assert await find_use(nodes, PASSPHRASE, signed.hash) == (ADDRESS, 1)


async def test_bytes_that_are_not_the_transaction_or_not_signed_by_its_account_say_nothing(
    sandbox: StellarSandbox, nodes: Nodes
) -> None:
    signed = await sign(sandbox, nodes)
    assert parse_use(signed.xdr, signed.hash, PASSPHRASE) == (ADDRESS, 1)
    assert parse_use(signed.xdr, "aa" * 32, PASSPHRASE) is None
    assert parse_use("AAAA", signed.hash, PASSPHRASE) is None
    bare = TransactionEnvelope.from_xdr(read_inner(signed.xdr), PASSPHRASE)
    assert parse_use(bare.to_xdr(), bare.hash_hex(), PASSPHRASE) == (ADDRESS, 1)
    bare.signatures.clear()
    assert parse_use(bare.to_xdr(), bare.hash_hex(), PASSPHRASE) is None


def read_inner(envelope_xdr: str) -> str:
    bump = FeeBumpTransactionEnvelope.from_xdr(envelope_xdr, PASSPHRASE)
    return str(bump.transaction.inner_transaction_envelope.to_xdr())
