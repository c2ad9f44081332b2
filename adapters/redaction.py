"""Redaction of log lines: keys, seeds, passwords, paths of URLs, and values that a caller sent."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote, urlsplit

HIDDEN = "***"
# Shorter values also occur in harmless words, so that they are not redacted.
SECRET_CHARACTERS_MIN = 6
SHORT_MAX = 100
_SECRET_NAME = re.compile(r"(_SEEDS?|_KEY|_PASSWORD|_SECRET|_TOKEN)$|^PGPASSWORD$")
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    # the database's messages about a row, whose values a caller sent
    (re.compile(r"\[parameters: .*?\](?=\n|$)", re.DOTALL), f"[parameters: {HIDDEN}]"),
    (
        re.compile(r"DETAIL:.*?(?=\nCONTEXT:|\nHINT:|\n\[SQL:|\nThe above|\Z)", re.DOTALL),
        f"DETAIL: {HIDDEN}",
    ),
    # a validator's message about a body
    (re.compile(r"input_value=.*?(?=, input_type=)", re.DOTALL), f"input_value={HIDDEN}"),
    # user and password of any URL, then everything of a web address but its host: paths may hold keys
    (re.compile(r"(?<=://)[^\s/@'\"]*@"), f"{HIDDEN}@"),
    (re.compile(r"(https?://[^\s/?#'\"<>)]+)[/?#][^\s'\"<>)]*"), r"\1/" + HIDDEN),
    (re.compile(r"\bS[A-Z2-7]{55}\b"), f"S{HIDDEN}"),
    (re.compile(r"\bwhsec_[A-Za-z0-9+/=_-]+"), f"whsec_{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"(?i)\b(authorization|x-api-key|api[_-]?key|passw(?:or)?d|secret|token|seed)"
            r"(['\"]?\s*[:=]\s*b?['\"]?)(?!\*)[^\s'\",;)}\]]{4,}"
        ),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"[\w.+-]+@(?=[\w-]+\.[\w.]+)"), f"{HIDDEN}@"),
)


def find_secrets(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the secret values of environment variables, which are known by the variables' names."""
    found = {value for name, value in environment.items() if _SECRET_NAME.search(name)}
    for name, value in environment.items():
        if name.endswith("_URL"):
            found |= _find_passwords(value)
        if name.endswith("_SEEDS"):
            found |= {*re.split(r"[,\s]+", value)}
    return frozenset(secret for secret in found if len(secret) >= SECRET_CHARACTERS_MIN)


def _find_passwords(url: str) -> set[str]:
    """Return the password of a URL, as it is written and decoded."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return set()
    return {password, unquote(password)} if password else set()


class Redactor:
    """Redacts in a text the secrets of this process, and everything that has the shape of a secret."""

    def __init__(self, secrets: frozenset[str] = frozenset()) -> None:
        # The longest first, because one secret may begin with another.
        ordered = sorted(secrets, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        # Short texts such as ids and names recur in many lines.
        self._short = lru_cache(maxsize=4096)(self._cleaned)

    def redact(self, text: str) -> str:
        return self._short(text) if len(text) <= SHORT_MAX else self._cleaned(text)

    def _cleaned(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for shape, instead in _SHAPES:
            text = shape.sub(instead, text)
        return text
