"""Commands for the day after: each reports first, and may be repeated."""

COMMANDS = {
    "backup": "Write a backup of the database, and prove that it can be read.",
    "restore": "Say what a backup would replace; with --apply, replace it.",
    "recover": "Start again what the workflow server has lost, from the database.",
    "verify-migrations": "Tell whether the database is what this build makes.",
}
