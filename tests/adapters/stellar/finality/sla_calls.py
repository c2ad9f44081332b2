"""Calls of the SLA contract on a network in memory, as the engine signs and sends them."""

import asyncio
from contextlib import suppress

from adapters.stellar.finality.sla_contract import SlaContract
from adapters.stellar.rpc.nodes import Nodes, RpcNode
from domain.sla.attestations import (
    Call,
    CallOutcome,
    SignedCall,
)
from domain.sla.verdicts import Severity
from stellar_sandbox.testing.accounts import FEES, PASSPHRASE
from stellar_sandbox.testing.local_client import LocalClient
from tests.adapters.stellar.finality.conftest import OPERATOR


def connect_contract(counter: LocalClient) -> SlaContract:
    return SlaContract(build_nodes(counter), PASSPHRASE, counter.contract, OPERATOR, FEES)


def build_nodes(counter: LocalClient) -> Nodes:
    return Nodes([RpcNode("node 1", counter.server)])


async def sign_call(counter: LocalClient, name: str = "oA", minutes: int = 20) -> Call:
    made: SignedCall = await connect_contract(counter).sign_call(name, Severity.CRITICAL, minutes)
    return Call(
        name, 1, 1, made.source, made.sequence, made.max_ledger, made.hash, made.envelope_xdr
    )


async def submit_call(counter: LocalClient, call: Call) -> CallOutcome:
    """Send a call and watch it while ledgers close."""

    async def closing() -> None:
        while True:
            await asyncio.sleep(0.05)
            counter.network.close_ledger()

    beat = asyncio.create_task(closing())
    try:
        made = connect_contract(counter)
        return await made.watch(call, str(await made.send(call)))
    finally:
        beat.cancel()
        with suppress(asyncio.CancelledError):
            await beat
