"""Keys are drawn once and stay private; the genesis gives everyone what they need and no more."""

import json
import stat
from pathlib import Path

import pytest
from stellar_sdk import Keypair

from adapters.stellar.signing.keys import derive_channel_keypairs
from devstack.environment.keypairs import CHANNELS
from devstack.environment.stellar_network import PASSPHRASE, StellarNetwork
from devstack.processes import ports


@pytest.fixture
async def network(tmp_path: Path) -> StellarNetwork:
    each = StellarNetwork(tmp_path, ports.free(), 1.0)
    await each.make()
    return each


async def test_the_seeds_belong_to_the_addresses(network: StellarNetwork, tmp_path: Path) -> None:
    seeds, known = network.seeds, network.environment
    for purpose in ("BOND", "POOL"):
        pair = Keypair.from_secret(seeds[f"STELLAR_{purpose}_SEED"])
        assert pair.public_key == known[f"STELLAR_{purpose}_ADDRESS"]
    assert not [name for name in known if name.endswith(("_SEED", "_SEEDS"))]
    assert known["STELLAR_NETWORK_PASSPHRASE"] == PASSPHRASE
    further = [Keypair.from_secret(each) for each in seeds["STELLAR_TREASURY_SEEDS"].split(",")]
    addresses = json.loads((tmp_path / "stellar-keys.json").read_text())["addresses"]
    assert [each.public_key for each in further] == [
        addresses["second_bond"],
        addresses["second_pool"],
    ]


async def test_the_genesis_funds_everyone(network: StellarNetwork, tmp_path: Path) -> None:
    genesis = json.loads((tmp_path / "stellar-genesis.json").read_text())
    accounts = {each["address"]: each for each in genesis["accounts"]}
    known = network.environment
    for name, usdc in {"BOND": 10**18, "POOL": 10**18, "PROVIDER": 0, "BENEFICIARY": 0}.items():
        assert accounts[known[f"STELLAR_{name}_ADDRESS"]]["usdc_stroops"] == usdc
    channels = derive_channel_keypairs(network.seeds["STELLAR_CHANNELS_SEED"], CHANNELS)
    assert all(accounts[each.public_key]["usdc_stroops"] is None for each in channels)
    assert all(each["native_stroops"] > 0 for each in accounts.values())
    assert len(accounts) == 6 + 3 + CHANNELS
    assert genesis["asset"] == {"code": "USDC", "issuer": known["STELLAR_USDC_ISSUER"]}
    assert sum(each["usdc_stroops"] or 0 for each in accounts.values()) < 2**63
    assert genesis["sla_contract"]["contract"] == known["STELLAR_SLA_CONTRACT"]
    operator = Keypair.from_secret(network.seeds["STELLAR_OPERATOR_SEED"]).public_key
    assert genesis["sla_contract"]["operator"] == operator


async def test_the_keys_are_drawn_once_and_stay_private(
    network: StellarNetwork, tmp_path: Path
) -> None:
    again = StellarNetwork(tmp_path, ports.free(), 1.0)
    await again.make()
    assert again.seeds == network.seeds
    keys = tmp_path / "stellar-keys.json"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    logged = "".join(each.read_text() for each in (tmp_path / "logs").iterdir())
    assert not any(seed in logged for seed in network.seeds.values())
