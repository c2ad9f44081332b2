"""Look for what the chain shows of payments that nothing on record has made."""

from collections.abc import Sequence
from uuid import UUID

from adapters.postgres import installation
from adapters.postgres.database import Database
from adapters.postgres.recovery import revisions
from adapters.postgres.settlement import manual_matches
from domain.recovery.revisions import list_other_numbers
from domain.settlement.manual_matches import OutOfBandTransfer
from domain.settlement.payments import Payment


class TransferSearch:
    """`passphrase` is of the network that the numbers of payments are derived for."""

    def __init__(self, database: Database, passphrase: str) -> None:
        self.database = database
        self.passphrase = passphrase
        self._installation: UUID | None = None

    async def list_other_numbers(self, payment: Payment) -> list[int]:
        """Return the numbers under which an outage may have been paid by a verdict that was forgotten."""
        here = await self._read_installation()
        others = list_other_numbers(self.passphrase, here, payment.outage_id, payment.revision)
        return [number for _, number in others]

    async def find(
        self, payments: Sequence[Payment], *, nets: bool, may_net: bool
    ) -> dict[str, OutOfBandTransfer]:
        """
        Return the transfers that may have made payments, by payment; with `may_net` under the numbers of others on
        record, and with `nets` under any number.
        """
        if not payments:
            return {}
        ids, here = [payment.id for payment in payments], await self._read_installation()
        async with self.database.autocommit() as connection:
            made = await manual_matches.find_out_of_band(connection, ids)
            made += await revisions.find_transfers(connection, self.passphrase, here, payments)
            if may_net:
                made += await manual_matches.find_netted(connection, ids, nets=nets)
        return {each.payment_id: each for each in reversed(made)}

    async def _read_installation(self) -> UUID:
        if self._installation is None:
            async with self.database.autocommit() as connection:
                self._installation = await installation.get_id(connection)
        return self._installation
