"""Execution modes: who has the last say on a verdict."""

from enum import StrEnum


class ExecutionMode(StrEnum):
    """The engine alone; or the SLA contract too, which must say the same before anything is paid."""

    LOCAL = "local"
    SOROBAN = "soroban"
