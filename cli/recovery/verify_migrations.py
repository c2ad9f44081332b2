"""`apexchainx verify-migrations`: whether the database is, to the last trigger, what this build makes."""

import typer

from domain.errors import Stop
from migrations.run import read_application_url, read_url
from migrations.verify import verify


def command() -> None:
    """
    Compares tables, columns, constraints, indexes, functions, triggers and, with DATABASE_OWNER_URL, what
    the user of DATABASE_URL may do. Changes nothing. Ends with 1 when there is a difference.
    """
    try:
        lines = verify(read_url(), read_application_url())
    except Stop as refusal:
        raise SystemExit(f"apexchainx: {refusal}") from None
    for line in lines:
        typer.echo(line)
    if lines:
        raise SystemExit(
            f"apexchainx: {len(lines)} differences; the database is not as this build makes it"
        )
    typer.echo("the database is as this build makes it")
