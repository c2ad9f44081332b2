"""Exports as jobs: the file is kept with the job. One that is begun anew is written anew, of another moment."""

from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from activities.jobs.job_contexts import JobContext
from domain.exports.datasets import COLUMNS
from domain.exports.export_files import MEDIA_TYPES, ExportFile
from domain.jobs.jobs import JobKind
from services.exports.drop_output import drop_output
from services.exports.export_orders import parse_order
from services.exports.stream_export import stream_export

EXPORT_KINDS = tuple(kind for kind in JobKind if kind.startswith("export_"))
SAVED_BYTES = 2_000_000


class ExportRunner:
    async def run(self, context: JobContext) -> dict[str, Any]:
        form, command = parse_order(context.job)
        left = True
        while left:
            async with context.begin_step(0) as step:
                left = await drop_output(context.database, step)
        await context.open_output(f"{command.dataset}.{form}", MEDIA_TYPES[form])
        file, saved = ExportFile(form, COLUMNS[command.dataset]), 0
        written = stream_export(context.database, command, file, lambda: datetime.now(UTC))
        async with aclosing(written) as pieces:
            async for piece in pieces:
                context.write(piece)
                if file.size - saved > SAVED_BYTES:
                    await context.save(file.rows)
                    saved = file.size
        await context.save(file.rows, file.rows)
        return {"export_id": command.export_id, "rows": file.rows, "sha256": file.sha256}
