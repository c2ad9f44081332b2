"""`apexchainx migrate`: bring the database that DATABASE_URL names up to date."""

from migrations.run import MadeByAnotherBuild, upgrade, url_from_environment


def command() -> None:
    """Safe to run again, and from several machines at once."""
    try:
        upgrade(url_from_environment())
    except MadeByAnotherBuild as refusal:
        raise SystemExit(f"apexchainx: {refusal}") from None
