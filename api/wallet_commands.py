"""Request workflows about wallets that the facade has no keys and no network for: the settlement worker runs them."""

from typing import Any
from uuid import uuid4

from adapters.postgres import unit_of_work
from api.dependencies import ANSWER_WITHIN, Engine
from domain.settlement.owners.registrations import ChallengeWalletInput
from domain.settlement.owners.wallets import Challenge, Readiness, SignedChallenge
from workflows.wallets import (
    ChallengeWalletWorkflow,
    FundWalletWorkflow,
    ProveWalletWorkflow,
    ReadWalletWorkflow,
)


async def read_wallet(engine: Engine, address: str) -> Readiness:
    read: Readiness = await _run(engine, ReadWalletWorkflow.run, address, f"read/{address}")
    return read


async def challenge_wallet(engine: Engine, wanted: ChallengeWalletInput) -> Challenge:
    name = f"challenge/{wanted.address}"
    given: Challenge = await _run(engine, ChallengeWalletWorkflow.run, wanted, name)
    return given


async def prove_wallet(engine: Engine, proof: SignedChallenge) -> Readiness:
    name = f"prove/{proof.address}"
    read: Readiness = await _run(engine, ProveWalletWorkflow.run, proof, name)
    return read


async def fund_wallet(engine: Engine, address: str) -> Readiness:
    read: Readiness = await _run(engine, FundWalletWorkflow.run, address, f"fund/{address}")
    return read


async def _run(engine: Engine, run: Any, message: Any, name: str) -> Any:
    await unit_of_work.conclude()
    return await engine.temporal.execute_workflow(
        run,
        message,
        id=f"wallet/{name}/{uuid4().hex[:12]}",
        task_queue="settlement",
        static_summary=f"wallet: {name.replace('/', ' ')}",
        execution_timeout=ANSWER_WITHIN * 2,
    )
