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
from stellar_sandbox.testing.contract_client import LocalClient
from tests.adapters.stellar.finality.conftest import OPERATOR


def calculator(counter: LocalClient) -> SlaContract:
    return SlaContract(nodes(counter), PASSPHRASE, counter.contract, OPERATOR, FEES)


def nodes(counter: LocalClient) -> Nodes:
    return Nodes([RpcNode("node 1", counter.server)])


async def signed(counter: LocalClient, name: str = "oA", minutes: int = 20) -> Call:
    made: SignedCall = await calculator(counter).sign_call(name, Severity.CRITICAL, minutes)
    return Call(
        name, 1, 1, made.source, made.sequence, made.max_ledger, made.hash, made.envelope_xdr
    )


async def carried(counter: LocalClient, call: Call) -> CallOutcome:
    """See a call through while ledgers close."""

    async def closing() -> None:
        while True:
            await asyncio.sleep(0.05)
            counter.network.close_ledger()

    beat = asyncio.create_task(closing())
    try:
        made = calculator(counter)
        return await made.watch(call, str(await made.send(call)))
    finally:
        beat.cancel()
        with suppress(asyncio.CancelledError):
            await beat
