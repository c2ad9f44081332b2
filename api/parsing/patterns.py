"""
What the OpenAPI document says of texts that the domain checks: the form, as far as a pattern can say it.

The domain's own check stays the one that counts, and its sentence the one that callers read.
"""

from typing import Any

ADDRESS: dict[str, Any] = {"pattern": "^G[A-Z2-7]{55}$"}
CURSOR: dict[str, Any] = {"pattern": "^[0-9]{1,18}-[0-9]{1,18}$"}
# As normalize_email takes it.
EMAIL: dict[str, Any] = {"pattern": r"^[^@\s]+@[^@\s]+\.[^@\s.]+$"}
ETAG: dict[str, Any] = {"pattern": r'^(\*|(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*")*)$'}
ID: dict[str, Any] = {"pattern": "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"}
NOT_BLANK: dict[str, Any] = {"pattern": "\\S"}
URL: dict[str, Any] = {"format": "uri", "pattern": "^https?://[^/?#@]+"}
TERMS: dict[str, Any] = {"required": ["critical", "high", "medium", "low"]}


def describe_sorting(fields: list[str]) -> dict[str, Any]:
    """Return the form of a field to sort by, which a minus turns round; an empty one is none."""
    return {"pattern": f"^(-?({'|'.join(fields)}))?$"}
