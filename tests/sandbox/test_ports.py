"""A port is free, or it is the one asked for, or the refusal names it and the option."""

import socket

import pytest

from sandbox import ports
from sandbox.processes import CannotStart


def test_a_free_port_can_be_had_and_is_out_of_the_way_of_outgoing_connections() -> None:
    port = ports.free()
    assert ports.LOWEST <= port < ports.HIGHEST
    assert ports.choose(port, "--port") == port


def test_a_taken_port_is_named_with_its_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart) as failure:
            ports.choose(port, "--stellar-port")
    assert str(failure.value) == (
        f"port {port} is taken; free it or choose another with --stellar-port"
    )


def test_no_port_is_given_out_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of seven parts that start together, two would otherwise meet on one port now and then."""
    monkeypatch.setattr(ports, "LOWEST", ports.HIGHEST - 4)
    monkeypatch.setattr(ports, "_available", lambda port: True)
    wished = ports.choose(ports.HIGHEST - 1, "--port")
    drawn = {ports.free() for _ in range(3)}
    assert len(drawn) == 3
    assert wished not in drawn
    with pytest.raises(CannotStart, match="no free port"):
        ports.free()


def test_no_wish_is_a_free_port() -> None:
    assert ports.choose(None, "--port") != ports.choose(None, "--port")
