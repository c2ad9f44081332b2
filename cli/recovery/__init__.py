"""Commands for the day after: each reports first, and may be repeated."""

COMMANDS = {
    "recover": "Start again what the workflow server has lost, from the database.",
}
