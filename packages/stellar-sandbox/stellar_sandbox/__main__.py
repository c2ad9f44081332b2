"""`python -m stellar_sandbox`: a Stellar network in one process, for laptops, tests and CI."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import uvloop

from stellar_sandbox.ledger.ledger_store import StoreUnusable
from stellar_sandbox.network.genesis import Genesis, InvalidGenesis
from stellar_sandbox.network.ledger_manager import GenesisMismatch
from stellar_sandbox.network.network import DEFAULT_RETENTION, Network, Settings
from stellar_sandbox.server import CannotListen, serve


def main() -> int:
    options = _parse()
    try:
        genesis = Genesis.read(options.genesis)
        options.data_dir.mkdir(parents=True, exist_ok=True)
        network = Network(
            Settings(
                genesis=genesis,
                data_dir=options.data_dir,
                close_seconds=options.close_seconds,
                nodes=options.nodes,
                retention=options.retention_ledgers,
            )
        )
        uvloop.run(serve(network, options.host, options.port))
    except (InvalidGenesis, GenesisMismatch, StoreUnusable, CannotListen) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stellar-sandbox", description=__doc__)
    parser.add_argument(
        "--genesis",
        type=Path,
        required=True,
        help="the genesis file: accounts, balances, contracts",
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="where the ledger is stored")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument(
        "--close-seconds",
        type=float,
        default=1.0,
        help="between ledgers; 0: only POST /close-ledger closes one",
    )
    parser.add_argument("--nodes", type=int, default=3, help="served at /node/0, /node/1, ...")
    parser.add_argument(
        "--retention-ledgers", type=int, default=DEFAULT_RETENTION, help="length of the history"
    )
    options = parser.parse_args()
    if options.close_seconds < 0 or options.nodes < 1 or options.retention_ledgers < 1:
        parser.error(
            "--close-seconds must not be negative; --nodes and --retention-ledgers are >= 1"
        )
    return options


if __name__ == "__main__":
    raise SystemExit(main())
