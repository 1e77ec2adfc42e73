"""Servers that stand where imin should be: each answers every request in the same way, and counts them."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import trustme

DOCUMENT = (
    b'{"@id": "https://h.example/customers/1234/accounts", "@type": "imin:Collection", "imin:item": []}'
)


def reply(
    status: str,
    body: bytes = b"",
    kind: str = "application/json",
    *fields: str,
    ahead: timedelta = timedelta(),
) -> bytes:
    """A reply as bytes, with the date of a server whose clock is ``ahead`` of ours."""
    date = format_datetime(datetime.now(UTC) + ahead, usegmt=True)
    head = [f"HTTP/1.1 {status}", f"Date: {date}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, *fields, "Connection: close", "", ""]).encode() + body


class Handler(socketserver.BaseRequestHandler):
    """Answers one connection."""

    server: "Server"

    def handle(self) -> None:
        """Read a request, if one comes, and answer."""
        try:
            if self.server.tls is None:
                self._answer(self.request)
            else:
                with self.server.tls.wrap_socket(self.request, server_side=True) as secured:
                    self._answer(secured)
        except OSError:  # the client has seen enough: of a certificate, say
            return

    def _answer(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            if lines.readline():
                while lines.readline().strip():
                    pass
                self.server.requests += 1
                connection.sendall(self.server.answer(self.server.requests))


class Server(socketserver.ThreadingTCPServer):
    """A server on loopback.

    Attributes:
        answer: What to say to the nth request.
        requests: How many came.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answer: Callable[[int], bytes], tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.tls, self.requests = answer, tls, 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


@contextmanager
def serving(answer: Callable[[int], bytes], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve in a thread."""
    with Server(answer, tls) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def certified(
    folder: Path, name: str, *, ends: timedelta = timedelta(days=90), trusted: bool = True
) -> tuple[ssl.SSLContext, dict[str, str]]:
    """A server's TLS with a certificate for ``name``, and the environment of whoever trusts its authority."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=datetime.now(UTC) + ends).configure_cert(context)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return context, {"SSL_CERT_FILE": str(folder / "ca.pem")} if trusted else {}


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate that nobody but itself has signed."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "self.pem")
    authority.private_key_pem.write_to_path(folder / "self.pem", append=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "self.pem")
    return context
