"""What one caller may ask of the process before anybody knows who it is. docs/operations.md explains each."""

import resource
from dataclasses import dataclass

KIB = 1024
# Descriptors that are not connections of callers: the database's, Temporal's, the log's.
DESCRIPTORS_KEPT = 100


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """Bounds on connections, heads and waiting, so that memory is bounded whatever is sent."""

    connections_max: int = 600
    # The request line and all headers together.
    head_bytes_max: int = 16 * KIB
    headers_max: int = 100
    # Bodies that are on their way at once; those that came with their head do not count.
    bodies_max: int = 16
    # Requests that wait on one connection behind the one that is being answered.
    pipelined_max: int = 8
    head_within_seconds: float = 10.0
    body_within_seconds: float = 60.0
    # A file that is imported: it must go on, and end.
    upload_look_seconds: float = 20.0
    upload_bytes_min: int = 64 * KIB
    upload_within_seconds: float = 3600.0
    # How long an answer may wait for a caller who does not read it.
    read_within_seconds: float = 30.0
    # How long a refused caller is heard out, so that it reads why.
    linger_seconds: float = 1.0


def bound_connections(wanted: int) -> int:
    """Return how many connections this process can hold open: no more than it has descriptors for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + DESCRIPTORS_KEPT
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, min(wanted, soft - DESCRIPTORS_KEPT))
    return wanted
