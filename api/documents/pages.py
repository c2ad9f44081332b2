"""
/openapi.json, /docs and /redoc: the documentation for programs and browsers, with nothing of anybody else's.

Each is rendered once and sent as the same bytes to everybody: it is large, nobody has to say who they are, and a
caller who does not read it would keep a copy of their own in memory. So few may read at a time, since a request that
goes on for as long as its caller pleases has its own price.
"""

from functools import cache
from weakref import WeakSet

from fastapi import APIRouter, Request, Response

from api.access.permissions import PUBLIC
from api.documents.operations_page import render_errors
from api.documents.rendering import OPENAPI, PAGE, read_documents
from domain.errors import TryAgain

router = APIRouter(tags=["health"], dependencies=[PUBLIC])
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse}td,th{border:1px solid;padding:.2em .5em;text-align:left;vertical-align:top}
details{margin:.3em 0}summary{cursor:pointer}pre{margin:0;white-space:pre-wrap}"""
# No script, no picture, no frame: the style of this process and nothing else.
POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
}

READERS_MAX = 100


class DocumentResponse(Response):
    """Answers with a document, which is not there yet; it counts as being read for as long as this object lasts."""


_reading = WeakSet[DocumentResponse]()


@router.get("/docs")
@router.get("/redoc")
async def get_operations(request: Request) -> Response:
    """Every operation, with what it takes and answers."""
    return await _answer_large(request, PAGE, "text/html")


@router.get("/openapi.json")
async def get_openapi(request: Request) -> Response:
    """Every operation, as programs read it."""
    return await _answer_large(request, OPENAPI, "application/json")


@router.get("/docs/errors")
async def get_errors() -> Response:
    """Every error; the type of a problem is a link to its row."""
    return _answer(_get_errors())


@router.get("/docs/style.css")
async def get_style() -> Response:
    return Response(STYLE, media_type="text/css", headers=POLICY)


@cache
def _get_errors() -> bytes:
    return render_errors().encode()


async def _answer_large(request: Request, path: str, media_type: str) -> Response:
    if len(_reading) >= READERS_MAX:
        raise TryAgain("many read this document at the moment; repeat the request in a moment")
    answer = DocumentResponse(media_type=media_type, headers=POLICY)
    _reading.add(answer)
    answer.body = (await read_documents(request.app))[path]
    answer.headers["content-length"] = str(len(answer.body))
    return answer


def _answer(page: bytes) -> Response:
    return Response(page, media_type="text/html", headers=POLICY)
