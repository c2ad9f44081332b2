"""`apexchainx migrate`: bring the database that DATABASE_URL names up to date."""

from domain.errors import Stop
from migrations.run import read_application_url, read_url, upgrade


def command() -> None:
    """
    As the user of DATABASE_OWNER_URL, if it is set; then the user of DATABASE_URL is granted what the
    processes need, and made if there is none. Safe to run again, and from several machines at once.
    """
    try:
        upgrade(read_url(), read_application_url())
    except Stop as refusal:
        raise SystemExit(f"apexchainx: {refusal}") from None
