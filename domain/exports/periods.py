"""Periods: the months (UTC) by which a journal is closed."""

from datetime import UTC, datetime

from domain.errors import Invalid


def parse_period(text: str) -> tuple[datetime, datetime]:
    """Return the first instant of a month like 2026-01, and that of the next one."""
    try:
        year, month = map(int, text.split("-"))
        first = datetime(year, month, 1, tzinfo=UTC)
        return first, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    except ValueError:
        raise Invalid("period", "must be a month like 2026-01") from None
