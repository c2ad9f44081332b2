"""The commands that this package adds to `apexchainx`: one module each, with a function `command`."""

COMMANDS = {
    "demo": "Play three outages, from declaration to payment on the chain.",
    "up": "Start everything on this machine and keep it up.",
    "replay": "Play recorded outages through the API and settle them.",
    "generate": "Fill the database with outages from a seed.",
    "bench": "Measure how fast the engine is.",
    "soak": "Settle thousands of payments under faults and kills, and judge the outcome.",
}
