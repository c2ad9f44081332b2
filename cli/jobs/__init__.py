"""Commands about jobs."""

COMMANDS = {
    "jobs": "List, show or cancel jobs, or wait for the end of one.",
}
