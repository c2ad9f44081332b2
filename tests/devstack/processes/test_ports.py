"""A port is free, or it is the one asked for, or the refusal names it and the option."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.processes import ports
from devstack.processes.programs import CannotStart

ROOT = Path(__file__).parents[3]


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
    # Where nobody else draws: of the usual ones this process, or another, may have some already.
    lowest = ports.HIGHEST + 4 * (os.getpid() % 4_000)
    monkeypatch.setattr(ports, "LOWEST", lowest)
    monkeypatch.setattr(ports, "HIGHEST", lowest + 4)
    monkeypatch.setattr(ports, "_available", lambda port: True)
    wished = ports.choose(ports.HIGHEST - 1, "--port")
    drawn = {ports.free() for _ in range(3)}
    assert len(drawn) == 3
    assert wished not in drawn
    with pytest.raises(CannotStart, match="no free port"):
        ports.free()


def test_no_wish_is_a_free_port() -> None:
    assert ports.choose(None, "--port") != ports.choose(None, "--port")


def test_a_port_that_another_process_gave_out_is_not_given_out_again() -> None:
    """Two runs of the suite, or two workers of one, start their stacks at the same time."""
    code = "from devstack.processes import ports; print(ports.free(), flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        assert not ports._claim(port)
        other.communicate("\n")
    assert ports._claim(port), "it is free again when that process has ended"


def test_a_wish_is_granted_for_a_port_that_its_holder_passed_on() -> None:
    """A test draws a port and hands it to `apexchainx up --port`, which is another process."""
    port = ports.free()
    code = f"from devstack.processes import ports; print(ports.choose({port}, '--port'))"
    command = [sys.executable, "-c", code]
    chosen = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(chosen.stdout) == port
