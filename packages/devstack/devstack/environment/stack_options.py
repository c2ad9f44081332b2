"""What a caller may choose of a stack; everything else follows."""

from dataclasses import dataclass, field
from pathlib import Path

from devstack.environment.services import ServicePorts


@dataclass(frozen=True)
class StackOptions:
    """What a caller may choose; everything else follows."""

    directory: Path
    port: int = 8000
    ports: ServicePorts = field(default_factory=ServicePorts)
    ledger_seconds: float = 1.0
    time_skipping: bool = False
    # False: the database survives every kill, and no power cut.
    durable: bool = True
    # False: whoever asked for the stack runs the settlement worker himself.
    signs: bool = True
    # True: its processes of Python are forked from some that have imported them, which a process that starts many
    # stacks keeps; on Linux.
    forks: bool = False
    # Environment variables of the house, over those of the caller.
    settings: dict[str, str] = field(default_factory=dict)
