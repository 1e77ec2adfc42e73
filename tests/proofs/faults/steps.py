"""The few things that a faulty server can do; every fault is a script of these."""

import socket
import struct
from collections.abc import Callable

from tests.proofs.faults.clock import settle
from tests.proofs.faults.server import Exchange, Step

STALL = 11.0
"""Seconds that a stall lasts by the test's clock: longer than an attempt may take."""

Part = bytes | Callable[[Exchange], bytes]


def send(part: Part) -> Step:
    """Write bytes, or what ``part`` makes of the exchange."""

    async def step(exchange: Exchange) -> None:
        await exchange.connection.send(part if isinstance(part, bytes) else part(exchange))

    return step


def right(*fields: str | bytes) -> Step:
    """Give the right reply, with ``fields`` added."""
    return send(lambda exchange: exchange.right(*fields))


def repeat(part: bytes, every: float = 0.0) -> Step:
    """Write ``part`` again and again, ``every`` seconds, until the client goes or must have given up."""

    async def step(exchange: Exchange) -> None:
        passed = 0.0
        while not exchange.connection.writer.is_closing() and passed < STALL:
            await exchange.connection.send(part)
            exchange.server.skip(every)
            passed += every
            await settle(5)
        await stall(0.0)(exchange)

    return step


def stall(seconds: float = STALL) -> Step:
    """Say nothing while ``seconds`` pass, until the client goes."""

    async def step(exchange: Exchange) -> None:
        await settle()
        exchange.server.skip(seconds)
        while await exchange.connection.reader.read(1 << 16):
            pass
        exchange.connection.writer.close()

    return step


def pass_time(seconds: float) -> Step:
    """Let ``seconds`` pass, so that what is done for ever comes to an end."""

    async def step(exchange: Exchange) -> None:
        exchange.server.skip(seconds)

    return step


async def pause(exchange: Exchange) -> None:
    """Let the client make what it can of what was sent so far."""
    await settle()


async def close(exchange: Exchange) -> None:
    """End the connection in order, with a FIN."""
    exchange.connection.writer.close()


async def reset(exchange: Exchange) -> None:
    """Break the connection off, with a RST."""
    sock = exchange.connection.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.connection.writer.transport.abort()
