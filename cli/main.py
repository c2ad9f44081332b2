"""The `apexchainx` command. To add a sub-command, write `cli/NAME.py` with a function `command` and list it here.

Only the one that is called is imported, so that `--help` answers at once.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from typing import NoReturn

import typer

from cli.access import COMMANDS as ACCESS
from cli.exports import COMMANDS as EXPORTS
from cli.jobs import COMMANDS as JOBS
from cli.recovery import COMMANDS as RECOVERY

COMMANDS = {
    "worker": "Run a worker for some task queues.",
    "journal": "Check that the journal keeps its invariants.",
    "payments": "Explain a payment: every attempt, envelope, answer, proof and posting; or reopen it.",
    "channels": "List, create or release the accounts that payments are sent on.",
    "treasuries": "List the accounts that agreements pay from, and whether each can.",
    "api": "Run the HTTP API.",
    "migrate": "Bring the database to the newest migration.",
    "polling": "Tell whether the workers of this host are polling.",
    "openapi": "Print the OpenAPI document of the HTTP API.",
}
# Packages that bring commands of their own name a module here, which has COMMANDS as above.
PLUGINS = "apexchainx.commands"


def find_commands() -> dict[str, tuple[str, str]]:
    """Every command: the module that holds it, and the line that describes it."""
    packages = [
        ("cli", COMMANDS),
        ("cli.access", ACCESS),
        ("cli.exports", EXPORTS),
        ("cli.jobs", JOBS),
        ("cli.recovery", RECOVERY),
    ]
    for plugin in entry_points(group=PLUGINS):
        packages.append((plugin.value, plugin.load().COMMANDS))
    return {
        name: (f"{package}.{name.replace('-', '_')}", line)
        for package, commands in packages
        for name, line in commands.items()
    }


def build(arguments: Sequence[str]) -> typer.Typer:
    """The whole command tree, of which only the branch that `arguments` ask for is loaded."""
    application = typer.Typer(
        help="From an outage to a paid, disputable, audited SLA settlement.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    # One command alone would become the application itself; a callback keeps it a sub-command.
    application.callback()(_nothing)
    for name, (module, line) in find_commands().items():
        if name in arguments[:1]:
            function = import_module(module).command
            application.command(name, help=f"{line}\n\n{function.__doc__}")(function)
        else:
            application.command(name, help=line)(_nothing)
    return application


def _nothing() -> None:
    pass


def main() -> NoReturn:
    """Run it, and leave at once: an ordinary exit after using a Temporal client aborts now and then."""
    code: int | str | None = 1
    try:
        build(sys.argv[1:])(prog_name="apexchainx")
    except SystemExit as ending:
        code = ending.code
    except KeyboardInterrupt:
        code = 130
    finally:
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
        if sys.exception():
            traceback.print_exc()
        _flush()
        os._exit(code or 0)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(BrokenPipeError):  # the reader, `head` for one, has what it wanted
            stream.flush()


if __name__ == "__main__":
    main()
