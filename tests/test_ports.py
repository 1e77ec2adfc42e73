"""Ports on which nobody listens."""

import socket
from pathlib import Path

import pytest

from tests.ports import free_port

GIVEN_AWAY = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_nobody_listens() -> None:
    """Who asks there is refused."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free_port()))


@pytest.mark.skipif(not GIVEN_AWAY.exists(), reason="only Linux says so in /proc")
def test_no_connection_gets_it() -> None:
    """The system gives away others, unless somebody has told it to give away nearly all."""
    first, last = map(int, GIVEN_AWAY.read_text().split())
    if first < 32_768:
        pytest.skip(f"gives away {first} to {last} here")
    assert not {free_port() for _ in range(50)} & set(range(first, last + 1))
