"""
What the OpenAPI document says to people: a sentence for each tag, each parameter and each field, and an example of
each body.

They stand in descriptions.json. A parameter is found by its name; where one means something else in an operation,
by its name and the operation. So is a field: by its name, or by its schema and its name.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

INTRODUCTION = """\
From an outage to a paid, disputable, audited SLA settlement.

* **Who calls**: an API key in `X-API-Key`, an access token (`Authorization: Bearer`), or the cookie of a session; a change by a session needs `X-CSRF-Token`, too.
* **Errors** are problem+json (RFC 9457): `detail` is a sentence, `errors` names the fields. A request that is refused has written nothing.
* **Repeat safely**: send an `Idempotency-Key` with whatever changes something, and the same again after a lost answer.
* **Lists**: `page` and `page_size`; or `cursor`, which goes on after the last row and skips nothing.
* **Instants** bear a time zone: `2026-01-31T12:00:00Z`. **Amounts** are USDC; `..._stroops` beside them are exact, as text.
"""


@cache
def load_descriptions() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(
        Path(__file__).with_name("descriptions.json").read_text()
    )
    return found


def describe(document: dict[str, Any], prefix: str) -> None:
    """Let the document say what its tags and parameters mean, and show an example of each body."""
    known = load_descriptions()
    document["info"]["description"] = INTRODUCTION
    document["tags"] = [{"name": tag, "description": said} for tag, said in known["tags"].items()]
    for operation, parameter in list_parameters(document, prefix):
        name = parameter["name"]
        said = known["parameters"].get(f"{name} {operation}", known["parameters"].get(name))
        if said is not None and not is_described(parameter):
            parameter["description"] = said
    schemas = document["components"]["schemas"]
    for name, example in known["examples"].items():
        schemas[name]["examples"] = [example]
    for name, schema in schemas.items():
        # What a field means in one schema goes before what its name means in most.
        said_of_fields = known["any_field"] | known["fields"].get(name, {})
        for field, shape in schema.get("properties", {}).items():
            if field in said_of_fields:
                shape.setdefault("description", said_of_fields[field])


def list_parameters(document: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the parameters that an operation has of its own, each with the operation, such as `GET /outages`."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                if "$ref" not in parameter:
                    yield f"{method.upper()} {path.removeprefix(prefix)}", parameter


def is_described(parameter: dict[str, Any]) -> bool:
    return bool(parameter.get("description") or parameter["schema"].get("description"))
