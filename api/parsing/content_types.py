"""The form of a body: a route that reads JSON refuses what says of itself that it is something else."""

from fastapi import HTTPException, Request
from fastapi.params import Form

from api.edge.body_limits import is_json


async def refuse_foreign_content(request: Request) -> None:
    """Raise 415 for a body of a content type that the route does not read."""
    given, field = request.headers.get("content-type"), request.scope["route"].body_field
    if given is None or field is None or isinstance(field.field_info, Form):
        return
    if not is_json(given.encode("latin-1")) and await request.body():
        raise HTTPException(
            415,
            "the body must be JSON: send it with Content-Type: application/json",
            {"Accept": "application/json"},
        )
