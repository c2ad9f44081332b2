"""Out-of-band payments: sent by somebody else, and read by reconciliation."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import channels, manual_matches
from adapters.stellar.rail import Rail
from domain.accounting.reconciliation import ChainTransfer, Extent
from domain.settlement.manual_matches import OutOfBandTransfer
from domain.settlement.payments import Payment
from tests.testkit.accounting.fake_chain_history import ReconciliationDriver, make_transfer

THEIRS = "bb" * 32


def make_transfer_of(payment: Payment, ledger: int, hash_: str = THEIRS) -> ChainTransfer:
    """Make the transfer that is exactly a payment."""
    return make_transfer(hash_, ledger, payment.number, payment.amount_stroops, payment.to_address)


async def send_out_of_band(
    driver: ReconciliationDriver, payment: Payment, hash_: str = THEIRS, *, less: int = 0
) -> None:
    """Somebody sends what a payment owes, or less than that, and it is read from the chain."""
    to, stroops = payment.to_address, payment.amount_stroops - less
    driver.fake_history.transfers = [
        make_transfer(
            hash_, driver.fake_history.known_extent.latest + 500, payment.number, stroops, to
        )
    ]
    driver.fake_history.known_extent = Extent(1, driver.fake_history.known_extent.latest + 1000)
    await driver.read_chain()


async def list_out_of_band(database: Database, payment: Payment) -> list[OutOfBandTransfer]:
    async with database.autocommit() as connection:
        return await manual_matches.find_out_of_band(connection, [payment.id])


async def store_channels(database: Database, rail: Rail) -> None:
    async with database.transaction() as connection:
        await channels.save(connection, dict.fromkeys(rail.channels, 7))
