"""The Stellar network in a box: who holds what at its first ledger, and the process that closes ledgers."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from devstack.processes.child_processes import Process
from devstack.processes.forks import PYTHON_MODULE
from devstack.processes.ports import LOOPBACK
from devstack.processes.programs import Program, says_ready

PASSPHRASE = "Standalone ApexChainx Sandbox ; 2026"
NODES = 3
NATIVE_STROOPS = 10_000 * 10_000_000  # 10,000 lumens: fees for years
TREASURY_STROOPS = (
    10**18
)  # 100 billion USDC each, and all four together stay below the int64 of the ledger

TREASURIES = ("bond", "pool", "second_bond", "second_pool")

SLA_RETENTION = 100  # results kept by the SLA contract; its one entry has room for some 200


@dataclass(frozen=True)
class StellarNetwork:
    """One private network whose ledgers are kept in `directory`/stellar."""

    directory: Path
    port: int
    ledger_seconds: float

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def make(self) -> None:
        """Draw the keys and write the genesis unless that was done before."""
        if not self._keys_file.exists():
            await self._draw_keys()
        self._genesis_file.write_text(json.dumps(self._genesis(), indent=1))

    def program(self) -> Program:
        return Program(
            name="stellar",
            command=[
                *(*PYTHON_MODULE, "stellar_sandbox"),
                *("--genesis", str(self._genesis_file)),
                *("--data-dir", str(self.directory / "stellar")),
                *("--port", str(self.port), "--close-seconds", str(self.ledger_seconds)),
                *("--nodes", str(NODES)),
            ],
            ready=says_ready,
        )

    @property
    def environment(self) -> dict[str, str]:
        """What everybody may know."""
        addresses = self._keys["addresses"]
        return {
            "STELLAR_NETWORK": "sandbox",
            "STELLAR_RPC_URL": self.url,
            "STELLAR_FRIENDBOT_URL": f"{self.url}/friendbot",
            "STELLAR_NETWORK_PASSPHRASE": PASSPHRASE,
            "STELLAR_USDC_ISSUER": addresses["issuer"],
            "STELLAR_BOND_ADDRESS": addresses["bond"],
            "STELLAR_POOL_ADDRESS": addresses["pool"],
            "STELLAR_PROVIDER_ADDRESS": addresses["provider"],
            "STELLAR_BENEFICIARY_ADDRESS": addresses["beneficiary"],
            "STELLAR_CHANNELS": str(len(addresses["channels"])),
            "STELLAR_SLA_CONTRACT": addresses["sla_contract"],
        }

    @property
    def nodes(self) -> dict[str, str]:
        """Whom the treasurer asks: everybody else is shown the first of them."""
        return {"STELLAR_RPC_URL": ",".join(f"{self.url}/node/{index}" for index in range(NODES))}

    @property
    def seeds(self) -> dict[str, str]:
        """What only the treasurer may know."""
        seeds = self._keys["seeds"]
        return {
            "STELLAR_BOND_SEED": seeds["bond"],
            "STELLAR_POOL_SEED": seeds["pool"],
            # Of treasuries that an agreement may have of its own.
            "STELLAR_TREASURY_SEEDS": f"{seeds['second_bond']},{seeds['second_pool']}",
            "STELLAR_CHANNELS_SEED": seeds["channels"],
            "STELLAR_FEES_SEED": seeds["fees"],
            "STELLAR_OPERATOR_SEED": seeds["operator"],
        }

    @property
    def _keys_file(self) -> Path:
        return self.directory / "stellar-keys.json"

    @property
    def _genesis_file(self) -> Path:
        return self.directory / "stellar-genesis.json"

    @cached_property
    def _keys(self) -> Any:
        return json.loads(self._keys_file.read_text())

    async def _draw_keys(self) -> None:
        command = [*PYTHON_MODULE, "devstack.environment.keypairs", str(self._keys_file)]
        process = Process(Program("treasury", command), self.directory / "logs")
        await process.finish()

    def _genesis(self) -> dict[str, object]:
        addresses = self._keys["addresses"]
        treasuries = [addresses[each] for each in TREASURIES]
        parties = [addresses["provider"], addresses["beneficiary"]]
        senders = [
            addresses["fees"],
            addresses["operator"],
            addresses["admin"],
            *addresses["channels"],
        ]
        return {
            "network_passphrase": PASSPHRASE,
            "asset": {"code": "USDC", "issuer": addresses["issuer"]},
            "accounts": [
                *(_account(address, TREASURY_STROOPS) for address in treasuries),
                *(_account(address, 0) for address in parties),
                *(_account(address, None) for address in senders),
            ],
            "sla_contract": {
                "contract": addresses["sla_contract"],
                "admin": addresses["admin"],
                "operator": addresses["operator"],
                "retention_limit": SLA_RETENTION,
            },
        }


def _account(address: str, usdc_stroops: int | None) -> dict[str, object]:
    return {
        "address": address,
        "native_stroops": NATIVE_STROOPS,
        "usdc_stroops": usdc_stroops,
    }
