"""A server that costs less than any client: for benchmarks that measure the client.

It is not the tests' ``LoopbackServer``, because that one's streams and tasks would take more of the
machine's time than the client does, and the benchmark would measure the server.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks._measure import stay_on
from benchmarks._payloads import replies

CUSTOMERS = 100
"""The identifiers "0" to "99" have a reply each; every further one has one of these in its own name."""


class _Serving(asyncio.Protocol):
    """Answers each request with the reply to the customer in its path: just enough of HTTP/1.1."""

    def __init__(self, bodies: list[tuple[bytes, bytes]]) -> None:
        self._bodies = bodies
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *requests, self._received = (self._received + data).split(b"\r\n\r\n")
        for request in requests:
            customer = request.split(b"/", 5)[4]
            before, after = self._bodies[int(customer) % CUSTOMERS]
            length = len(before) + len(customer) + len(after)
            self._transport.write(b"".join((_HEAD % length, before, customer, after)))


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


async def _serve(items: int) -> None:
    stay_on(1)
    bodies = []
    for number, body in enumerate(replies(items, "documented", documents=CUSTOMERS)):
        before, found, after = body.partition(b"/customers/%d/accounts" % number)
        assert found
        bodies.append((before + b"/customers/", b"/accounts" + after))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Serving(bodies), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it lets go


@contextmanager
def serving(items: int) -> Iterator[str]:
    """The base URL of a server in a process of its own: its work is not the client's CPU time.

    From then on this process stays on one core, and the server on another.

    Args:
        items: Accounts in each reply.
    """
    command = [sys.executable, "-m", "benchmarks._server", str(items)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        stay_on(0)
        yield url
        server.stdin.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
