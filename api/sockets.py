"""The socket of the facade, bound before anything else is opened."""

import socket


def open_listener(host: str, port: int) -> socket.socket:
    """The socket of `API_HOST` and `API_PORT`, or a stop that says why there is none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise SystemExit(
            f"Cannot start. API_HOST, API_PORT: cannot listen on {host} port {port}: {error.strerror}"
        ) from None
    return bound
