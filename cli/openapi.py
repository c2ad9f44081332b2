"""`apexchainx openapi`: the API's own description, for client generators."""

import json

import typer

from api.app import create_app


def command() -> None:
    """Needs no database and no settings."""
    typer.echo(json.dumps(create_app().openapi(), indent=2))
