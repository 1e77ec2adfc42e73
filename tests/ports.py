"""Ports of this machine on which nobody listens."""

import random
import socket
from contextlib import suppress

_ANY = random.SystemRandom()  # not the seeded one: two runs beside each other would meet


def free_port() -> int:
    """A port that is nobody's and stays so until it is used, or for good.

    It lies below those that a system gives away by itself (from 32768 on Linux, 49152 elsewhere): one of
    these may be some connection's own end before it is listened on.
    """
    while True:
        port = _ANY.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
