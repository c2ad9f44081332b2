"""The facade says in one sentence that it cannot listen, before it opens anything."""

import socket

import pytest

from api.sockets import open_listener
from devstack.processes.ports import LOOPBACK


def test_a_taken_port_is_refused_by_name() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as refused:
            open_listener(LOOPBACK, port)
    assert str(refused.value) == (
        f"Cannot start. API_HOST, API_PORT: cannot listen on {LOOPBACK} port {port}: Address already in use"
    )


def test_an_address_of_another_machine_is_refused_by_name() -> None:
    with pytest.raises(SystemExit, match=r"cannot listen on 192\.0\.2\.1 port 8000: "):
        open_listener("192.0.2.1", 8000)


def test_a_free_port_is_listened_on() -> None:
    with open_listener(LOOPBACK, 0) as mine:
        mine.listen()
        with socket.create_connection(mine.getsockname()):
            pass
