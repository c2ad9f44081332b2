"""Commands about files that are made of what is on record."""

COMMANDS = {"export": "Download a dataset as a file, and check that all of it came."}
