"""Commands about jobs."""

COMMANDS = {
    "imports": "Import outages from a file of any size.",
    "jobs": "List, show or cancel jobs, or wait for the end of one.",
}
