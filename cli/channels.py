"""`apexchainx channels`: the channel accounts: how they stand, creating them, releasing one."""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer

from adapters import temporal
from adapters.postgres import networks
from adapters.postgres.database import Database
from adapters.postgres.settlement import channels as records
from adapters.settings import ChannelSettings, SettlementSettings, load
from adapters.stellar.accounts.channels import ChannelAccounts, ChannelAccountState, read_states
from adapters.stellar.rpc.network_monitor import NetworkMonitor
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.keys import derive_channel_addresses
from cli.channel_release import ReleaseContext, ReleaseRequest, release
from cli.databases import DataDir, NoDatabase, find_environment, is_local, read_seeds
from domain.errors import ApexError
from domain.money import format_amount
from domain.settlement.channels import Channel
from worker.settlement import load_signing_keys

CHANNELS_SEED = "STELLAR_CHANNELS_SEED"
COLUMNS = "{:<56}  {:>19}  {:>12}  {:<9}  {}"


def command(
    action: Annotated[str, typer.Argument(help="list, create or release.")] = "list",
    channel: Annotated[str, typer.Argument(help="Which one to release: its address.")] = "",
    count: Annotated[
        int | None, typer.Option(min=1, max=1000, help="How many there shall be.")
    ] = None,
    by: Annotated[str, typer.Option(help="Who releases it: your name.")] = "",
    note: Annotated[str, typer.Option(help="What you found, for the audit trail.")] = "",
    evidence: Annotated[
        str, typer.Option(help="What an archive showed, where no node remembers.")
    ] = "",
    data_dir: DataDir = None,
) -> None:
    """
    On a server, run it with the environment of the settlement worker: `create` signs, and needs all of
    its seeds; `list` and `release` need STELLAR_CHANNELS_SEED alone. For an engine that `up` started,
    name its --data-dir: everything is read from there.
    """
    if action not in ("list", "create", "release"):
        raise SystemExit(
            f"apexchainx: there is no action {action!r}; it is list, create or release"
        )
    if action == "release" and not (channel and by.strip() and note.strip()):
        raise SystemExit("apexchainx: name the channel, and give --by and --note")
    _choose_engine(data_dir, signs=action == "create")
    if count is not None:
        os.environ["STELLAR_CHANNELS"] = str(count)
    try:
        asyncio.run(
            _run(action, ReleaseRequest(channel, by.strip(), note.strip(), evidence.strip()))
        )
    except ApexError as error:
        raise SystemExit(f"apexchainx: {error}") from None


def _choose_engine(data_dir: Path | None, *, signs: bool) -> None:
    """Let the settings be those of a local engine, where one is meant; with no more seeds than are needed."""
    try:
        environment = find_environment(data_dir, "DATABASE_URL")
    except NoDatabase as failure:
        raise SystemExit(f"apexchainx: {failure}") from None
    if is_local(data_dir, "DATABASE_URL"):
        seeds = read_seeds(data_dir)
        needed = seeds if signs else {name: seeds[name] for name in seeds if name == CHANNELS_SEED}
        os.environ.update(environment | needed)


async def _run(action: str, request: ReleaseRequest) -> None:
    # Only creating signs anything.
    settings = load(SettlementSettings if action == "create" else ChannelSettings)
    passphrase = settings.stellar_network_passphrase
    wanted = derive_channel_addresses(
        settings.stellar_channels_seed.get_secret_value(), settings.stellar_channels
    )
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url, connections_max=2)
        stack.push_async_callback(database.close)
        nodes = Nodes.from_urls(settings.stellar_rpc_url)
        stack.push_async_callback(nodes.close)
        print(f"database {database.location}", file=sys.stderr)
        async with database.autocommit() as connection:
            known = await networks.get_state(connection, passphrase)
        await NetworkMonitor(nodes, passphrase).establish(known)
        if isinstance(settings, SettlementSettings):
            keys, cap = load_signing_keys(settings), settings.stellar_fee_cap_stroops
            await _create(ChannelAccounts(nodes, passphrase, keys, cap))
        elif action == "release":
            client = await temporal.connect(settings.temporal_address, settings.temporal_namespace)
            await release(ReleaseContext(database, nodes, passphrase, client, wanted), request)
        else:
            await _list(nodes, wanted, database)


async def _create(accounts: ChannelAccounts) -> None:
    wanted = list(accounts.keys.channels)
    already = await accounts.read_states(wanted)
    print(f"{len(already)} of {len(wanted)} channel accounts exist")
    async for created in accounts.create():
        for address in created:
            print(f"created {address}, sponsored by {accounts.keys.operator.public_key}")
    print(f"all {len(wanted)} channel accounts exist; start the settlement worker to use them")


async def _list(nodes: Nodes, wanted: Sequence[str], database: Database) -> None:
    async with database.autocommit() as connection:
        known = {each.address: each for each in await records.list_all(connection)}
    addresses = list(dict.fromkeys([*wanted, *known]))
    found = await read_states(nodes, addresses)
    # Lines of text, which nothing cuts: a table would be made to fit where it is written to.
    print(COLUMNS.format("channel", "sequence", "XLM", "sponsored", "state"))
    for address in addresses:
        kept = "" if address in wanted else ", key not held"
        print(COLUMNS.format(address, *_cells(found.get(address), known.get(address), kept)))


def _cells(
    standing: ChannelAccountState | None, known: Channel | None, kept: str
) -> tuple[str, str, str, str]:
    if standing is None and kept:
        return "-", "-", "-", f"gone{kept}"
    if standing is None:
        return "-", "-", "-", "missing: apexchainx channels create"
    state = "not known to the journal yet"
    if known is not None:
        state = f"serves {known.payment_id}" if known.payment_id else "free"
        if known.quarantined:
            state = f"QUARANTINED, {state}"
    balance = format_amount(standing.balance_stroops)
    return str(standing.sequence), balance, "yes" if standing.sponsored else "no", state + kept
