"""What schemathesis does beside its own: two things of a request that it does not know to belong to one caller."""

import gc
import os
import secrets
from typing import Any
from uuid import uuid4

import schemathesis

KEY_HEADER = "Idempotency-Key"
# The document stays, and a case is soon forgotten: garbage is looked for as seldom as by the tests.
gc.set_threshold(50_000, 20, 50)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """
    Let each request come from an address of its own, as a proxy says: it sends wrong keys by the hundred, and
    who does that from one address is answered 429. Draw each key that fits the document anew: the same one
    with other content is refused.
    """
    headers = case.headers
    if os.environ.get("SCHEMATHESIS_CALLER") == "person":
        # Only what the person bears: two credentials, one of them drawn, prove nothing about either.
        headers.pop("X-API-Key", None)
        case.cookies.clear()
    headers["X-Forwarded-For"] = ".".join(["10", *map(str, secrets.token_bytes(3))])
    if KEY_HEADER in headers and case.meta.generation.mode.is_positive:
        headers[KEY_HEADER] = uuid4().hex
