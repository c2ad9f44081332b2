"""The header by which a list that is a bare array says from where to go on."""

from typing import Any

from fastapi import Response

NEXT_CURSOR = "X-Next-Cursor"
# For the `responses` of such a route.
GOES_ON: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            NEXT_CURSOR: {
                "description": "Pass it as `cursor` to go on; it is missing on the last page.",
                "schema": {"type": "string"},
            }
        }
    }
}


def set_next_cursor(response: Response, cursor: str | None) -> None:
    if cursor is not None:
        response.headers[NEXT_CURSOR] = cursor
