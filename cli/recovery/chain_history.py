"""What the chain knows since a backup, read through the RPC nodes that the settings name."""

import os

from adapters.postgres.recovery.backups import hash_passphrase
from adapters.settings import AnalyticsSettings, load
from adapters.stellar.rpc.treasury_history import TreasuryHistory, connect
from domain.errors import ChainMismatch
from domain.recovery.backups import DatabaseContents
from domain.recovery.restorations import TransfersSince

NODES = "STELLAR_RPC_URL"


async def read_since(contents: DatabaseContents) -> TransfersSince | None:
    """
    Return what our treasuries paid that the backup does not know; None when no node is named.

    Raises ChainUnavailable, or ChainMismatch for a network that the backup does not know.
    """
    if not os.environ.get(NODES):
        return None
    settings = load(AnalyticsSettings)
    passphrase = settings.stellar_network_passphrase
    if contents.networks and hash_passphrase(passphrase) not in contents.networks:
        raise ChainMismatch(
            "the backup is of another network than STELLAR_NETWORK_PASSPHRASE names; check the settings"
        )
    own = {settings.stellar_bond_address, settings.stellar_pool_address}
    treasuries = tuple(sorted(own | {*contents.treasuries}))
    history = connect(
        settings.stellar_rpc_url, passphrase, settings.stellar_usdc_issuer, treasuries
    )
    try:
        return await _sum_outflows(history, treasuries, contents)
    finally:
        await history.close()


async def _sum_outflows(
    history: TreasuryHistory, treasuries: tuple[str, ...], contents: DatabaseContents
) -> TransfersSince:
    await history.verify_network(None)
    extent = await history.get_extent()
    ledger, known = contents.chain_ledger, {*contents.known_hashes}
    wanted = extent.oldest if ledger is None else ledger + 1
    first = max(wanted, extent.oldest)
    count, stroops, last = 0, 0, first - 1
    if first <= extent.latest:
        async for page in history.read_pages(first):
            paid = [
                transfer.amount_stroops
                for transfer in page.transfers
                if transfer.from_address in treasuries
                and transfer.to_address not in treasuries
                and transfer.transaction_hash not in known
            ]
            count, stroops, last = count + len(paid), stroops + sum(paid), page.ledger
    return TransfersSince(wanted, max(last, wanted - 1), extent.oldest, count, stroops)
