"""Keys are drawn once and stay private; the genesis gives everyone what they need and no more."""

import json
import stat
from pathlib import Path

import pytest
from stellar_sdk import Keypair

from adapters.stellar.keys import channel_keypairs
from sandbox import ports
from sandbox.network import PASSPHRASE, Network


@pytest.fixture
async def network(tmp_path: Path) -> Network:
    each = Network(tmp_path, ports.free(), 1.0)
    await each.make()
    return each


async def test_the_seeds_belong_to_the_addresses(network: Network) -> None:
    seeds, known = network.seeds, network.environment
    for purpose in ("BOND", "POOL"):
        pair = Keypair.from_secret(seeds[f"STELLAR_{purpose}_SEED"])
        assert pair.public_key == known[f"STELLAR_{purpose}_ADDRESS"]
    assert not [name for name in known if name.endswith("_SEED")]
    assert known["STELLAR_NETWORK_PASSPHRASE"] == PASSPHRASE


async def test_the_genesis_funds_everyone(network: Network, tmp_path: Path) -> None:
    genesis = json.loads((tmp_path / "stellar-genesis.json").read_text())
    accounts = {each["address"]: each for each in genesis["accounts"]}
    known = network.environment
    for name, usdc in {"BOND": 10**18, "POOL": 10**18, "PROVIDER": 0, "BENEFICIARY": 0}.items():
        assert accounts[known[f"STELLAR_{name}_ADDRESS"]]["usdc_stroops"] == usdc
    channels = channel_keypairs(network.seeds["STELLAR_CHANNELS_SEED"], 32)
    assert all(accounts[each.public_key]["usdc_stroops"] is None for each in channels)
    assert all(each["native_stroops"] > 0 for each in accounts.values())
    assert len(accounts) == 4 + 3 + 32
    assert genesis["asset"] == {"code": "USDC", "issuer": known["STELLAR_USDC_ISSUER"]}
    assert sum(each["usdc_stroops"] or 0 for each in accounts.values()) < 2**63


async def test_the_keys_are_drawn_once_and_stay_private(network: Network, tmp_path: Path) -> None:
    again = Network(tmp_path, ports.free(), 1.0)
    await again.make()
    assert again.seeds == network.seeds
    keys = tmp_path / "stellar-keys.json"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    logged = "".join(each.read_text() for each in (tmp_path / "logs").iterdir())
    assert not any(seed in logged for seed in network.seeds.values())
