"""
/openapi.json, /docs and /redoc: the documentation for programs and browsers, from this process alone.

Each is rendered once and sent as the same bytes to everybody: it is large, nobody has to say who they are, and a
caller who does not read it would keep a copy of their own in memory.
"""

import gc
from functools import cache

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from api.access.permissions import PUBLIC
from api.documents.operations_page import render_errors, render_operations

router = APIRouter(tags=["health"], dependencies=[PUBLIC])
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse}td,th{border:1px solid;padding:.2em .5em;text-align:left;vertical-align:top}
details{margin:.3em 0}summary{cursor:pointer}pre{margin:0;white-space:pre-wrap}"""
# No script, no picture, no frame: the style of this process and nothing else.
POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
}


@router.get("/docs")
@router.get("/redoc")
async def get_operations(request: Request) -> Response:
    """Every operation, with what it takes and answers."""
    return _answer(_render(request.app)["/docs"])


@router.get("/openapi.json")
async def get_openapi(request: Request) -> Response:
    """Every operation, as programs read it."""
    return Response(_render(request.app)["/openapi.json"], media_type="application/json")


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


def _render(app: FastAPI) -> dict[str, bytes]:
    """Return the documents of an application by their paths; what they are made of is not kept."""
    documents: dict[str, bytes] = app.state.documents
    if not documents:
        described = app.openapi()
        documents["/openapi.json"] = bytes(JSONResponse(described).body)
        documents["/docs"] = render_operations(described).encode()
        vars(app).update(openapi_schema=None)
        del described
        gc.collect()  # what it was made of refers to each other, and is many times as large
    return documents


def _answer(page: bytes) -> Response:
    return Response(page, media_type="text/html", headers=POLICY)
