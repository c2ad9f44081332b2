"""`apexchainx migrate`: bring the database that DATABASE_URL names up to date."""

from migrations.run import MadeByAnotherBuild, read_url, upgrade


def command() -> None:
    """Safe to run again, and from several machines at once."""
    try:
        upgrade(read_url())
    except MadeByAnotherBuild as refusal:
        raise SystemExit(f"apexchainx: {refusal}") from None
