"""
Renders the documents of an application in a process of its own, once.

What the OpenAPI document is made of is many times as large as the document, and never leaves a heap again; and for a
second this process would answer nobody.
"""

import asyncio
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress

from fastapi import FastAPI

from domain.errors import Unavailable

log = logging.getLogger(__name__)
OPENAPI, PAGE = "/openapi.json", "/docs"
WITHIN_SECONDS = 60.0
COMMAND = (sys.executable, *(["-P"] if sys.flags.safe_path else []), "-m", "api.documents")
Documents = Mapping[str, bytes]


async def read_documents(app: FastAPI) -> Documents:
    """
    Return the documents of an application by their paths; all who ask meanwhile wait for the same ones. Raises
    Unavailable when they could not be made, and the next one who asks has it tried again.
    """
    if app.state.documents is None:
        app.state.documents = asyncio.create_task(_render(app.state.prefix))
    rendering: asyncio.Task[Documents] = app.state.documents
    try:
        return await asyncio.shield(rendering)
    finally:
        if rendering.done() and (rendering.cancelled() or rendering.exception()):
            app.state.documents = None


async def _render(prefix: str) -> Documents:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, prefix, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            said, problem = await process.communicate()
    except TimeoutError:
        said, problem = b"", b"it took too long"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    if process.returncode or not said:
        log.error("the documents were not rendered: %s", problem.decode(errors="replace")[-1000:])
        raise Unavailable("the documents are not ready; repeat the request in a moment")
    size, _, both = said.partition(b"\n")
    return {OPENAPI: both[: int(size)], PAGE: both[int(size) :]}
