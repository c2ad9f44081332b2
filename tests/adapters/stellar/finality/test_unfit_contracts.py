"""The contracts that the engine accepts and refuses at start."""

from dataclasses import replace

import pytest

from adapters.stellar.finality.sla_contract import SlaContract
from domain.errors import ChainUnavailable, ContractMismatch
from domain.sla.verdicts import Severity
from stellar_sandbox.calculator import contract_state, instance_storage
from stellar_sandbox.calculator.contract import SlaCalculator
from stellar_sandbox.contracts.host import ContractCall
from stellar_sandbox.faults.fault_plan import Fault
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.testing.accounts import FEES, PASSPHRASE
from stellar_sandbox.testing.local_client import LocalClient
from tests.adapters.stellar.finality.conftest import ADMIN, OPENED, OPERATOR
from tests.adapters.stellar.finality.sla_calls import (
    build_nodes,
    connect_contract,
)


async def test_our_own_ready_contract_is_accepted(counter: LocalClient) -> None:
    await connect_contract(counter).check()


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (None, "is not ready: its status is 'noinit'"),
        (replace(OPENED, version=0), "is not ready: its status is 'migrate'"),
        (replace(OPENED, paused=True), "is paused; have its admin unpause it"),
        (replace(OPENED, operator=ADMIN.public_key), f"takes calls from {ADMIN.public_key}, but"),
        (replace(OPENED, retention=151), "keeps up to 151 results, more than its entry has room"),
        (replace(OPENED, retention=None), "keeps up to 1000 results"),
    ],
)
async def test_an_unfit_contract_is_refused_with_a_message(
    counter: LocalClient, state: contract_state.ContractState | None, sentence: str
) -> None:
    counter.deploy(state)
    with pytest.raises(ContractMismatch, match=sentence):
        await connect_contract(counter).check()


class LyingContract(SlaCalculator):
    """Says that its config has another hash than it has."""

    def invoke(self, call: ContractCall) -> bytes:
        if call.function == "get_config_version_hash":
            return xdr_codec.encode_u64(1)
        return super().invoke(call)


async def test_a_contract_with_another_hash_is_refused(counter: LocalClient) -> None:
    liar = LyingContract(instance_storage.derive_contract_id("liar"))
    counter.network.deploy(instance_storage.encode_instance(liar.contract, OPENED), liar)
    counter.contract = liar.contract
    with pytest.raises(ContractMismatch, match="states the hash 1 for its config, whose hash is"):
        await connect_contract(counter).check()


async def test_a_missing_contract_is_refused(counter: LocalClient) -> None:
    with pytest.raises(ContractMismatch, match="not a contract id"):
        SlaContract(build_nodes(counter), PASSPHRASE, ADMIN.public_key, OPERATOR, FEES)
    counter.contract = instance_storage.derive_contract_id("never deployed")
    with pytest.raises(ContractMismatch, match="is STELLAR_SLA_CONTRACT deployed on this network"):
        await connect_contract(counter).check()


async def test_an_unreachable_network_is_asked_again(counter: LocalClient) -> None:
    counter.network.faults.replace([Fault("node_down")], 1)
    with pytest.raises(ChainUnavailable):
        await connect_contract(counter).check()
    with pytest.raises(ChainUnavailable):
        await connect_contract(counter).sign_call("oA", Severity.HIGH, 5)
