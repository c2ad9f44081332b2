"""/docs and /redoc: the documentation for browsers, from this process alone."""

from functools import cache

from fastapi import APIRouter, Request, Response

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
    app = request.app
    if not hasattr(app.state, "operations_page"):
        app.state.operations_page = render_operations(app.openapi())
    return _answer(app.state.operations_page)


@router.get("/docs/errors")
async def get_errors() -> Response:
    """Every error; the type of a problem is a link to its row."""
    return _answer(_get_errors())


@router.get("/docs/style.css")
async def get_style() -> Response:
    return Response(STYLE, media_type="text/css", headers=POLICY)


@cache
def _get_errors() -> str:
    return render_errors()


def _answer(page: str) -> Response:
    return Response(page, media_type="text/html", headers=POLICY)
