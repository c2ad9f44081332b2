"""`apexchainx migrate`: bring the database that DATABASE_URL names up to date."""

from migrations.run import upgrade, url_from_environment


def command() -> None:
    """Safe to run again, and from several machines at once."""
    upgrade(url_from_environment())
