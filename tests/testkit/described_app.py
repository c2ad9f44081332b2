"""The API and its OpenAPI document, made once a process for all tests that change nothing of either: each takes a second."""

from functools import cache
from typing import Any

from fastapi import FastAPI

from api.app import create_app


@cache
def get_app() -> FastAPI:
    """Return an application that has no database; what needs none may be asked of it."""
    return create_app()


def get_document() -> dict[str, Any]:
    return get_app().openapi()
