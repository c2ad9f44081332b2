"""The commands of disaster recovery."""

COMMANDS = {
    "backup": "Write a backup of the database, and prove that it can be read.",
    "restore": "Say what a backup would replace; with --apply, replace it.",
}
