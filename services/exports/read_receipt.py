"""Read the receipt of an export: for whoever asked for it, and nobody else."""

from adapters.postgres import audit
from adapters.postgres.database import Database
from domain.exports.export_receipts import ExportReceipt, make_receipt, name_subject, refuse_unknown


async def read_receipt(
    database: Database, export_id: str, asked_by: str, party: str | None
) -> ExportReceipt:
    """`party` is that to which the caller is narrowed. Raises NotFound, for an export of somebody else as for none."""
    async with database.autocommit() as connection:
        trail = await audit.read_trail(connection, name_subject(export_id))
    receipt = make_receipt(export_id, trail)
    if (receipt.asked_by, receipt.party) != (asked_by, party):
        raise refuse_unknown(export_id)
    return receipt
