"""Looking names up: as the system does, in threads that nobody waits for."""

import os
import socket
import subprocess
import sys

import pytest

from imin_accounts.errors import TransportError
from imin_accounts.testing._playback import Playback
from imin_accounts.transports import AiohttpTransport, Request
from imin_accounts.transports._resolver import DaemonResolver, _result

STUCK = """
import socket, threading
socket.getaddrinfo = lambda *_, **__: threading.Event().wait()  # a name server that does not answer
"""
LIBRARY = """
import asyncio, imin_accounts
async def main():
    once = imin_accounts.RetryPolicy(attempts=1)
    async with imin_accounts.AccountsSession("test-key", timeout=2, retry=once) as session:
        await session.get_seller_accounts("1234")
asyncio.run(main())
"""
COMMAND = """
from imin_accounts.cli import main
main(["--timeout", "0.2", "accounts", "1234"])
"""


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [(LIBRARY, 1, "the request was not sent"), (COMMAND, 5, "Error: ")],
    ids=["library", "command"],
)
def test_a_stuck_look_up_does_not_hold_the_process(program: str, code: int, said: str) -> None:
    """It ends when its call has ended, though the thread never does.

    How long the command's last attempt has is a matter of dice, and a busy machine may need as long.
    """
    environment = {**os.environ, "IMIN_API_KEY": "test-key"}
    ended = subprocess.run(
        [sys.executable, "-c", STUCK + program], env=environment, capture_output=True, text=True, timeout=50
    )
    assert (ended.returncode, said in ended.stderr) == (code, True), ended.stderr


async def test_a_name_is_looked_up() -> None:
    """As the system does it: this one is in its file of hosts."""
    async with Playback() as server, AiohttpTransport() as transport:
        url = f"http://localhost:{server.port}/"
        assert (await transport.send(Request(method="GET", url=url, headers={}), timeout=20)).status == 200


async def test_a_name_that_does_not_exist() -> None:
    """The system's answer comes out as what it is."""
    async with AiohttpTransport() as transport:
        with pytest.raises(TransportError, match="dns"):
            await transport.send(Request(method="GET", url="http://x.invalid/", headers={}), timeout=60)


async def test_what_an_address_holds() -> None:
    """What a connection is made with: a number, a port, and the kind of both."""
    [found] = await DaemonResolver().resolve("127.0.0.1", 80)
    assert (found["hostname"], found["host"], found["port"]) == ("127.0.0.1", "127.0.0.1", 80)
    assert found["family"] == socket.AF_INET


def test_a_link_local_address_keeps_its_interface() -> None:
    """It is good on that one only."""
    found = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 3))
    assert _result("printer", found)["host"] == "fe80::1%3"
