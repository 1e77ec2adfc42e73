"""A TLS server that never answers close_notify: asyncio's own would."""

import asyncio
import os
import ssl

import trustme

from imin_accounts.testing._playback import Connection, LoopbackServer


class DeafPeer(LoopbackServer):
    """Answers one request on each connection, and then only waits for the connection's end.

    Args:
        reply: The bytes in answer to each request; empty: none, ever.
    """

    def __init__(self, reply: bytes = b"HTTP/1.1 204 No Content\r\n\r\n") -> None:
        super().__init__()
        authority = trustme.CA()
        self._serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._serving)
        self.trusting = ssl.create_default_context()
        """What a client has to have."""
        authority.configure_trust(self.trusting)
        self._reply = reply
        self.reached = asyncio.Event()
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        """Hands are not shaken until this is set; it is from the start."""
        self.gate.set()

    @property
    def origin(self) -> str:
        return super().origin.replace("http:", "https:")

    async def converse(self, connection: Connection) -> None:
        """Shake hands, read a request, answer it, and be deaf."""
        self.reached.set()
        await self.gate.wait()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._serving.wrap_bio(incoming, outgoing, server_side=True)
        head = b""
        while b"\r\n\r\n" not in head:
            if not (received := await connection.reader.read(65536)):
                return
            incoming.write(received)
            try:
                head += tls.read(65536)  # shakes hands first
            except ssl.SSLWantReadError:
                await connection.send(outgoing.read())
        tls.write(self._reply)
        await connection.send(outgoing.read())
        self.asked.set()
        await connection.reader.read()


def descriptors() -> int:
    """How many files and sockets this process has open."""
    return len(os.listdir("/proc/self/fd"))
