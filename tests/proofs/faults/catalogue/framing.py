"""Replies that are not HTTP, or HTTP at the edge of what RFC 9110 and 9112 allow."""

from tests import canaries
from tests.proofs.faults import steps
from tests.proofs.faults.events import LENIENT, LOST, ODD, UNREADABLE, WELL, Event
from tests.proofs.faults.fault import Fault
from tests.proofs.faults.replies import JSON, chunked, head
from tests.proofs.faults.server import Exchange


def field(name: str, event: Event, *fields: str | bytes) -> Fault:
    """The right reply to either method with ``fields`` added."""
    return Fault(name, event, (steps.right(*fields),))


def line(name: str, event: Event, status_line: str) -> Fault:
    """The right reply with another status line."""

    def part(exchange: Exchange) -> bytes:
        line, end, rest = exchange.right().partition(b"\r\n")
        status = line.split()[1].decode()
        return status_line.format(status=status).encode("latin-1") + end + rest

    return Fault(name, event, (steps.send(part),))


def framed(name: str, event: Event, *fields: str | bytes, wrap: bool = False) -> Fault:
    """200 with the right document under another framing."""

    def part(exchange: Exchange) -> bytes:
        body = chunked(exchange.document) if wrap else exchange.document
        size = str(len(exchange.document)).encode()
        made = [f.encode() if isinstance(f, str) else f for f in fields]
        return head(200, JSON, *(f.replace(b"SIZE", size) for f in made)) + body

    return Fault(name, event, (steps.send(part), steps.close), on_delete=ODD)


def chunks(name: str, event: Event, template: bytes) -> Fault:
    """200 with a chunked body: ``SIZE``, ``BODY`` of the template stand for the right ones."""

    def part(exchange: Exchange) -> bytes:
        body = exchange.document
        size = b"%x" % len(body)
        return head(200, JSON, "Transfer-Encoding: chunked") + template.replace(b"SIZE", size).replace(
            b"BODY", body
        )

    return Fault(name, event, (steps.send(part), steps.close), on_delete=ODD)


def raw(name: str, bytes_: bytes) -> Fault:
    return Fault(name, LOST, (steps.send(bytes_), steps.close))


SECRET = canaries.ALL.encode()

NOT_HTTP = [
    raw("ssh-banner", b"SSH-2.0-OpenSSH_9.6 " + SECRET + b"\r\n"),
    raw("http-0.9", b"<html><body>" + SECRET + b"</body></html>"),
    raw("http-0.9-json", b'{"@type": "imin:Collection", "imin:item": []}'),
    raw("tls-alert", b"\x15\x03\x03\x00\x02\x02\x28"),
    raw("http-2-frames", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)),
    raw("a-request", b"GET /" + SECRET.replace(b" ", b"/") + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    raw("random-bytes", bytes(range(256))),
    raw("nul-bytes", bytes(4096)),
    raw("one-endless-line", b"H" * 300_000),
    line("icy", LOST, "ICY {status} OK"),
    line("status-of-two-digits", LOST, "HTTP/1.1 20 OK"),
    line("status-of-four-digits", LOST, "HTTP/1.1 2000 OK"),
    line("status-in-letters", LOST, "HTTP/1.1 abc " + canaries.KEY),
    line("status-negative", LOST, "HTTP/1.1 -{status} OK"),
    line("version-1.x", LOST, "HTTP/1.x {status} OK"),
    line("version-missing", LOST, "{status} OK"),
    line("first-header-folded", LOST, "HTTP/1.1 {status} OK\r\n folded"),
    line("reason-empty", WELL, "HTTP/1.1 {status} "),
    line("reason-missing", WELL, "HTTP/1.1 {status}"),
    line("reason-latin-1", WELL, "HTTP/1.1 {status} \xe9t\xe9"),
    line("reason-with-nul", WELL, "HTTP/1.1 {status} O\0K"),
    Fault(
        "status-line-100-kb", LOST, (steps.send(b"HTTP/1.1 200 " + b"a" * 100_000 + b"\r\n\r\n"), steps.close)
    ),
]

FIELDS = [
    field("header-100-kb", LOST, b"X-Long: " + b"a" * 100_000),
    field("header-name-100-kb", LOST, b"X" * 100_000 + b": a"),
    field("headers-5000", LOST, *(f"X-{n}: {canaries.KEY}" for n in range(5000))),
    field("headers-100", WELL, *(f"X-{n}: a" for n in range(100))),
    field("header-nul", LOST, f"X-Nul: a\0{canaries.KEY}".encode()),
    field("header-name-nul", LOST, b"X\0: " + SECRET),
    field("header-no-colon", LOST, b"X-No-Colon " + SECRET),
    field("header-no-name", LOST, b": " + SECRET),
    field("header-space-before-colon", LOST, b"X-Space : " + SECRET),
    field("header-name-with-space", LOST, b"X Space: " + SECRET),
    field("header-bare-cr", LOST, b"X-Cr: a\rb " + SECRET),
    field("header-non-ascii", WELL, b"X-Latin: \xe9\xff"),
    field("header-empty-value", WELL, b"X-Empty:"),
    field("header-connection-junk", WELL, b"Connection: ,,;"),
    field("set-cookie", WELL, f"Set-Cookie: session={canaries.JWT}; Path=/"),
    field("set-cookie-malformed", WELL, b"Set-Cookie: =;;\xff; Expires=never"),
    field("upgrade-offered", WELL, b"Upgrade: h2c"),
    field("keep-alive-0", WELL, b"Keep-Alive: timeout=0"),
    field("date-malformed", WELL, b"Date: yesterday"),
    field("retry-after-on-success", WELL, b"Retry-After: 100"),
    field("location-on-success", WELL, b"Location: https://elsewhere.example/"),
    field("header-folded", LENIENT, b"X-Folded: a\r\n " + SECRET),
]

INTERIM = [
    Fault("100-first", WELL, (steps.send(head("HTTP/1.1 100 Continue")), steps.right())),
    Fault(
        "103-first",
        WELL,
        (steps.send(head("HTTP/1.1 103 Early Hints", "Link: </x>; rel=preload")), steps.pause, steps.right()),
    ),
    Fault(
        "102-three-times-first", WELL, (*(steps.send(head("HTTP/1.1 102 Processing")),) * 3, steps.right())
    ),
    Fault("blank-line-first", WELL, (steps.send(b"\r\n"), steps.right())),
]

LENGTHS = [
    framed("length-twice-the-same", LOST, "Content-Length: SIZE", "Content-Length: SIZE"),
    framed("length-missing", WELL),
    framed("length-conflicting", LOST, "Content-Length: SIZE", "Content-Length: 7"),
    framed("length-conflicting-in-one-field", LOST, "Content-Length: SIZE, 7"),
    framed("length-negative", LOST, "Content-Length: -SIZE"),
    framed("length-with-plus", LOST, "Content-Length: +SIZE"),
    framed("length-hex", LOST, "Content-Length: 0xSIZE"),
    framed("length-in-words", LOST, f"Content-Length: {canaries.KEY}"),
    framed("length-empty", LOST, "Content-Length:"),
    framed("length-fraction", LOST, "Content-Length: SIZE.0"),
    framed("length-past-64-bits", LOST, f"Content-Length: {2**70}"),
    framed("length-and-chunked", LOST, "Content-Length: SIZE", "Transfer-Encoding: chunked", wrap=True),
    framed("chunked-and-length", LOST, "Transfer-Encoding: chunked", "Content-Length: SIZE", wrap=True),
    framed("transfer-encoding-unknown", UNREADABLE, "Transfer-Encoding: chunked, rot13", wrap=True),
    framed("chunked-twice", WELL, "Transfer-Encoding: chunked, chunked", wrap=True),
]

CHUNKS = [
    chunks("chunk-size-in-letters", LOST, b"zz\r\nBODY\r\n0\r\n\r\n"),
    chunks("chunk-size-negative", LOST, b"-SIZE\r\nBODY\r\n0\r\n\r\n"),
    chunks("chunk-size-empty", LOST, b"\r\nBODY\r\n0\r\n\r\n"),
    chunks("chunk-size-0x", LOST, b"0xSIZE\r\nBODY\r\n0\r\n\r\n"),
    chunks("chunk-size-past-64-bits", LOST, b"fffffffffffffffff\r\nBODY\r\n0\r\n\r\n"),
    chunks("chunk-size-huge", LOST, b"7fffffffffffffff\r\nBODY\r\n0\r\n\r\n"),
    chunks("chunk-not-ended", LOST, b"SIZE\r\nBODY0\r\n\r\n"),
    chunks("chunk-longer-than-said", LOST, b"SIZE\r\nBODY, junk\r\n0\r\n\r\n"),
    chunks("chunk-shorter-than-said", LOST, b"fff\r\nBODY\r\n0\r\n\r\n"),
    chunks("chunk-extensions", WELL, b"SIZE;a=b;c\r\nBODY\r\n0;d\r\n\r\n"),
    chunks("chunk-extension-100-kb", WELL, b"SIZE;" + b"a" * 100_000 + b"\r\nBODY\r\n0\r\n\r\n"),
    chunks("one-trailer", WELL, b"SIZE\r\nBODY\r\n0\r\nX-Trailer: a\r\n\r\n"),
    chunks("trailers-5000", LOST, b"SIZE\r\nBODY\r\n0\r\n" + b"X-Trailer: a\r\n" * 5000 + b"\r\n"),
    chunks("trailer-malformed", LOST, b"SIZE\r\nBODY\r\n0\r\nno colon\r\n\r\n"),
]

FRAMING = [*NOT_HTTP, *FIELDS, *INTERIM, *LENGTHS, *CHUNKS]
