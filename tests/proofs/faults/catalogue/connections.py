"""What goes wrong with the connection while a reply is under way, and between replies."""

import zlib
from functools import cache

from tests import canaries
from tests.proofs.faults import steps
from tests.proofs.faults.events import CLOSED_THEN_404, LOST, LOST_UNREAD, OUT_OF_TIME, SOMEBODY_ELSES, WELL
from tests.proofs.faults.fault import Fault
from tests.proofs.faults.replies import JSON, chunked, document, head, reply
from tests.proofs.faults.server import Exchange, Script, Step


def until(cut: float | bytes) -> Step:
    """The right reply to GET, up to a share of it or to just behind some bytes."""

    def part(exchange: Exchange) -> bytes:
        whole = reply(200, exchange.document, JSON)
        return whole[: int(len(whole) * cut) if isinstance(cut, float) else whole.index(cut) + len(cut)]

    return steps.send(part)


PLACES: dict[str, Script] = {
    "before-status": (),
    "inside-status": (steps.send(b"HTTP/1.1 2"),),
    "after-status": (until(b"\r\n"),),
    "inside-headers": (until(b"Content-Le"),),
    "after-headers": (until(b"\r\n\r\n"),),
    "inside-body": (until(0.7),),
    "inside-chunk": (steps.send(head(200, JSON, "Transfer-Encoding: chunked") + b'40\r\n{"@id": '),),
    "before-last-chunk": (
        steps.send(head(200, JSON, "Transfer-Encoding: chunked")),
        steps.send(lambda x: b"%x\r\n%s\r\n" % (len(x.document), x.document)),
    ),
    "inside-100": (steps.send(b"HTTP/1.1 100 Cont"),),
    "after-100": (steps.send(head("HTTP/1.1 100 Continue")),),
}
ENDINGS = {"closed": steps.close, "reset": steps.reset, "stalled": steps.stall()}

CUT = [
    Fault(f"{ending}-{place}", LOST, (*script, steps.pause, end))
    for ending, end in ENDINGS.items()
    for place, script in PLACES.items()
]

SLOW = [
    Fault("dripping-status", LOST, (steps.repeat(b"\r\n", every=0.1),)),
    Fault("dripping-headers", LOST, (until(b"\r\n"), steps.repeat(b"X-A: a\r\n", every=0.1))),
    Fault("dripping-header", LOST, (until(b"Content-Type: "), steps.repeat(b"a", every=0.1))),
    Fault("dripping-body", LOST, (until(0.7), steps.repeat(b" ", every=0.1))),
    Fault(
        "dripping-chunks",
        LOST,
        (steps.send(head(200, "Transfer-Encoding: chunked")), steps.repeat(b"1\r\n \r\n", every=0.1)),
    ),
    Fault("endless-100", LOST, (steps.repeat(head("HTTP/1.1 100 Continue"), every=0.1),)),
    Fault("endless-103", LOST, (steps.repeat(head("HTTP/1.1 103 Early Hints"), every=0.1),)),
]

GZIP = "Content-Encoding: gzip"


@cache
def bomb() -> bytes:
    """256 MiB of NULs as 260 kB of gzip."""
    packer = zlib.compressobj(wbits=31)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(256)), packer.flush()])


HUGE = [
    Fault(
        "endless-chunks",
        LOST,
        (
            steps.send(head(200, "Transfer-Encoding: chunked")),
            steps.repeat(b"10000\r\n%s\r\n" % (b" " * 65536)),
        ),
    ),
    Fault("endless-body", LOST, (steps.send(head(200)), steps.repeat(b" " * 65536))),
    Fault(
        "endless-chunk-extension",
        LOST,
        (steps.send(head(200, "Transfer-Encoding: chunked") + b"1;"), steps.repeat(b"x" * 65536, every=0.1)),
    ),
    Fault(
        "length-10-gb", LOST, (steps.send(head(200, f"Content-Length: {10**10}")), steps.repeat(b" " * 65536))
    ),
    Fault("length-10-gb-closed", LOST, (steps.send(head(200, f"Content-Length: {10**10}")), steps.close)),
    Fault("gzip-bomb", LOST, (steps.send(lambda _: reply(200, bomb(), GZIP)),)),
    Fault(
        "gzip-bomb-chunked",
        LOST,
        (
            steps.send(head(200, GZIP, "Transfer-Encoding: chunked")),
            steps.send(lambda _: chunked(bomb())),
        ),
    ),
    Fault(
        "just-over-the-cap",
        LOST,
        (steps.send(lambda x: reply(200, x.document + b" " * ((4 << 20) + 1 - len(x.document)))),),
    ),
    Fault(
        "just-within-the-cap",
        WELL,
        (
            steps.send(
                lambda x: (
                    reply(200, x.document + b" " * ((4 << 20) - len(x.document)))
                    if x.seen.method == "GET"
                    else x.right()
                )
            ),
        ),
    ),
]

DEADLINE = [
    Fault("deadline-before-status", OUT_OF_TIME, (steps.stall(),), timeout=5.0),
    Fault("deadline-inside-body", OUT_OF_TIME, (until(0.7), steps.stall()), timeout=5.0),
    Fault(
        "deadline-dripping-body",
        OUT_OF_TIME,
        (until(0.7), steps.repeat(b" ", every=0.1)),
        on_delete=LOST,
        timeout=5.0,
    ),
]


def _strangers(exchange: Exchange) -> bytes:
    return reply(200, document("stranger", {"https://elsewhere.example/1": True}), JSON)


_NO_CONTENT = head(204)

BETWEEN = [
    Fault("idle-connection-closed", WELL, before=(steps.right(), steps.close)),
    Fault("idle-connection-closed-late", WELL, before=(steps.right(), steps.pause, steps.close)),
    Fault("idle-connection-reset", WELL, before=(steps.right(), steps.pause, steps.reset)),
    Fault("close-announced", WELL, before=(steps.right("Connection: close"), steps.pause, steps.close)),
    Fault("close-announced-but-kept", WELL, before=(steps.right("Connection: close"),)),
    Fault("unsolicited-reply", WELL, before=(steps.right(), steps.send(_strangers))),
    Fault(
        "unsolicited-reply-late",
        WELL,
        before=(steps.right(), steps.pause, steps.send(_strangers), steps.pause),
    ),
    Fault("unsolicited-204", WELL, before=(steps.right(), steps.send(_NO_CONTENT))),
    Fault(
        "unsolicited-204-late",
        WELL,
        before=(steps.right(), steps.pause, steps.send(_NO_CONTENT), steps.pause),
    ),
    Fault("unsolicited-408", WELL, before=(steps.right(), steps.pause, steps.send(reply(408)), steps.close)),
    Fault("pipelined-junk", WELL, before=(steps.right(), steps.send(canaries.ALL.encode()))),
    Fault(
        "pipelined-junk-late",
        WELL,
        before=(steps.right(), steps.pause, steps.send(canaries.ALL.encode()), steps.pause),
    ),
    Fault(
        "somebody-elses-reply-first",
        SOMEBODY_ELSES,
        (steps.send(_strangers), steps.right()),
        before=(steps.right(),),
    ),
]

GREETED = [
    Fault("closed-at-accept", LOST_UNREAD, greeting=(steps.close,)),
    Fault("reset-at-accept", LOST_UNREAD, greeting=(steps.pause, steps.reset)),
    Fault("stalled-at-accept", LOST_UNREAD, greeting=(steps.stall(),)),
    Fault(
        "banner-at-accept", LOST_UNREAD, greeting=(steps.send(b"220 mail.example ESMTP\r\n"), steps.stall())
    ),
]


async def _close_then_404(exchange: Exchange) -> None:
    if exchange.seen.nth == 1:
        await steps.close(exchange)
    else:
        await steps.send(reply(404))(exchange)


RESENT = [Fault("closed-then-404", CLOSED_THEN_404, (_close_then_404,))]

CONNECTIONS = [*CUT, *SLOW, *HUGE, *DEADLINE, *BETWEEN, *GREETED, *RESENT]
