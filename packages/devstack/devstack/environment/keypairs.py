"""Draws the sandbox's key pairs at its first start: `python -m devstack.environment.keypairs FILE`.

A process of its own, because loading the Stellar SDK takes a second that no later start should pay.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path

from stellar_sdk import Keypair, StrKey

from adapters.stellar.signing.keys import derive_channel_keypairs
from devstack.processes.data_dir import write_private

CHANNELS = 40
# Each has a seed and an address; fees pays for what the treasurer signs and never sends anything
# itself; admin owns the SLA contract, operator calls it. The second bond and pool are for agreements of their own.
PURPOSES = (
    *("bond", "pool", "provider", "beneficiary", "fees", "operator", "admin"),
    *("second_bond", "second_pool"),
)


def draw() -> dict[str, dict[str, object]]:
    """Addresses for everybody, seeds for the treasurer."""
    pairs = {purpose: Keypair.random() for purpose in PURPOSES}
    master = Keypair.random()
    addresses: dict[str, object] = {name: pair.public_key for name, pair in pairs.items()}
    addresses["issuer"] = Keypair.random().public_key
    addresses["channels"] = [
        channel.public_key for channel in derive_channel_keypairs(master.secret, CHANNELS)
    ]
    addresses["sla_contract"] = _contract_id(pairs["admin"])
    seeds: dict[str, object] = {name: pair.secret for name, pair in pairs.items()}
    seeds["channels"] = master.secret
    return {"addresses": addresses, "seeds": seeds}


def _contract_id(deployer: Keypair) -> str:
    """A contract id of this network's own, drawn from its deployer."""
    return StrKey.encode_contract(sha256(b"sla calculator" + deployer.raw_public_key()).digest())


def write(file: Path) -> None:
    write_private(file, json.dumps(draw(), indent=1))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
