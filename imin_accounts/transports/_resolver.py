"""Looks host names up in threads that the process does not wait for when it ends.

aiohttp's usual resolver uses the event loop's pool of threads. ``asyncio.run`` waits for those, and the
interpreter does once more: where a name server did not answer, a command with ``--timeout 2`` was measured to
end after 25 seconds. (aiodns has no threads, and does not look where the system is told to look.)
"""

import asyncio
import socket
from concurrent.futures import Future
from threading import Thread
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult


class DaemonResolver(AbstractResolver):
    """``socket.getaddrinfo`` in a daemon thread for each look-up; aiohttp asks once for all who wait."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of ``host``.

        Raises:
            OSError: There are none.
        """
        answer = Future[list[ResolveResult]]()
        answer.set_running_or_notify_cancel()  # whoever gives it up leaves the thread to itself
        Thread(target=_look_up, args=(answer, host, port, family), name="look-up", daemon=True).start()
        return await asyncio.wrap_future(answer)

    async def close(self) -> None:
        """Nothing to close: a thread ends with its look-up, or with the process."""


def _look_up(answer: Future[list[ResolveResult]], host: str, port: int, family: socket.AddressFamily) -> None:
    try:
        found = _addresses(host, port, family)
        # A number stands for an IPv6 address where Python was built without IPv6.
        answer.set_result([_result(host, each) for each in found if isinstance(each[4][0], str)])
    except Exception as error:  # noqa: BLE001 - raised to whoever waits
        answer.set_exception(error)


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[tuple[Any, ...]]:
    kind = socket.SOCK_STREAM
    try:
        return [*socket.getaddrinfo(host, port, family=family, type=kind, flags=socket.AI_ADDRCONFIG)]
    except socket.gaierror:
        if host != "localhost":
            raise
        return [*socket.getaddrinfo(host, port, family=family, type=kind)]  # for Windows without a network


def _result(name: str, found: tuple[Any, ...]) -> ResolveResult:
    family, _, protocol, _, (host, port, *rest) = found
    if rest and rest[1]:  # a link-local IPv6 address is good on one interface only
        host = f"{host}%{rest[1]}"
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=name, host=host, port=port, family=family, proto=protocol, flags=numeric)
