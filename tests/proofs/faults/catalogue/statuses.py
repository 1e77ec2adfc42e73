"""Statuses: the status alone decides, whatever else the reply holds."""

from collections.abc import Iterator

from tests import canaries
from tests.proofs.faults import steps
from tests.proofs.faults.events import (
    FAILED,
    LOST,
    NOT_ALLOWED,
    NOT_FOUND,
    ODD,
    REDIRECTED,
    REFUSED,
    THROTTLED,
    THROTTLED_FOR_LONG,
    UNAVAILABLE,
    UNAVAILABLE_FOR_LONG,
    WELL,
)
from tests.proofs.faults.fault import Fault
from tests.proofs.faults.replies import JSON, chunked, head, reply
from tests.proofs.faults.server import Exchange, Script

PROBLEM = b'{"@type": "SomeError", "name": "no", "description": "%s"}' % canaries.ALL.encode()


def answer(status: int, *fields: str | bytes, body: bytes = PROBLEM) -> Script:
    return (steps.send(reply(status, body, JSON, f"X-Echo: {canaries.ALL}", *fields)),)


REFUSALS = [
    *(Fault(f"status-{s}", NOT_ALLOWED, answer(s), status=s) for s in (401, 403)),
    Fault("status-404", NOT_FOUND, answer(404), status=404),
    *(
        Fault(f"status-{s}", REFUSED, answer(s), status=s)
        for s in (400, 402, 405, 406, 407, 409, 410, 413, 414, 418, 421, 422, 425, 431, 451, 499)
    ),
    Fault(
        "status-401-endless-body",
        NOT_ALLOWED,
        (steps.send(head(401)), steps.repeat(b"x" * 65536)),
        status=401,
    ),
    Fault("status-404-cut-body", NOT_FOUND, (steps.send(reply(404, PROBLEM)[:-9]), steps.close), status=404),
]

FAILURES = [
    *(
        Fault(f"status-{s}", FAILED, answer(s), status=s)
        for s in (408, 500, 501, 502, 503, 504, 507, 520, 599, 600, 999)
    ),
    Fault("status-500-echoed-date", FAILED, answer(500, f"Date: {canaries.KEY}"), status=500),
    Fault(
        "status-500-echoed-type",
        FAILED,
        (steps.send(reply(500, PROBLEM, f"Content-Type: {canaries.KEY}/{canaries.BARCODE}")),),
        status=500,
    ),
    Fault("status-500-cut-body", FAILED, (steps.send(reply(500, PROBLEM)[:-9]), steps.close), status=500),
    Fault("status-502-html", FAILED, answer(502, body=b"<html>" + canaries.ALL.encode()), status=502),
    Fault(
        "status-503-stalled-body",
        FAILED,
        (steps.send(reply(503, PROBLEM)[:-9]), steps.stall(3.0)),
        status=503,
    ),
]

ODDITIES = [
    *(Fault(f"status-{s}", ODD, answer(s), status=s) for s in (201, 202, 203, 206, 207, 226)),
    Fault("status-205", ODD, answer(205, body=b""), status=205),
    Fault(
        "status-101",
        ODD,
        (steps.send(head(101, "Upgrade: h2c", "Connection: Upgrade")), steps.close),
        status=101,
    ),
    Fault(
        "status-101-and-nothing-more",
        ODD,
        (steps.send(head(101, "Upgrade: x", "Connection: Upgrade")), steps.stall()),
        status=101,
    ),
    Fault("status-200-to-delete", WELL, (steps.send(lambda x: reply(200, x.document, JSON)),), on_delete=ODD),
    Fault(
        "status-200-empty-to-delete",
        WELL,
        (steps.send(lambda x: reply(200, b"" if x.seen.method == "DELETE" else x.document)),),
        on_delete=ODD,
    ),
]

NO_CONTENT = [
    Fault("status-204", ODD, (steps.send(head(204)),), on_delete=WELL, status=204),
    Fault(
        "status-204-length-0", ODD, (steps.send(head(204, "Content-Length: 0")),), on_delete=WELL, status=204
    ),
    Fault("status-204-length-5", ODD, (steps.send(head(204, "Content-Length: 5")),), status=204),
    # What follows a 204 at once is no reply, and aiohttp rejects both.
    Fault("status-204-body-at-once", LOST, (steps.send(reply(204, PROBLEM, JSON)),)),
    Fault(
        "status-204-body-late",
        ODD,
        (steps.send(head(204, f"Content-Length: {len(PROBLEM)}")), steps.pause, steps.send(PROBLEM)),
        status=204,
    ),
    Fault(
        "status-204-chunked-at-once",
        LOST,
        (steps.send(head(204, "Transfer-Encoding: chunked") + chunked(PROBLEM)),),
    ),
    Fault(
        "status-204-chunked-late",
        ODD,
        (steps.send(head(204, "Transfer-Encoding: chunked")), steps.pause, steps.send(chunked(PROBLEM))),
        status=204,
    ),
    Fault(
        "status-204-unannounced-body",
        ODD,
        (steps.send(head(204)), steps.pause, steps.send(PROBLEM), steps.close),
        on_delete=WELL,
        status=204,
    ),
]


def _redirect(code: int, location: str) -> Script:
    def part(exchange: Exchange) -> bytes:
        where = location.format(port=exchange.server.port, label=exchange.seen.label)
        return reply(code, PROBLEM, *([f"Location: {where}"] if where else []))

    return (steps.send(part),)


LOCATIONS = {
    "another-origin": "http://localhost:{port}/elsewhere?" + canaries.JWT,
    "same-origin": "http://127.0.0.1:{port}/well/api/v2/customers/1234/accounts",
    "relative": "../1234/accounts",
    "javascript": "javascript:alert(1)",
    "file": "file:///etc/passwd",
    "none": "",
    "loop": "/{label}/api/v2/customers/" + canaries.CUSTOMER + "/accounts",
    "malformed": "http://[::" + canaries.KEY,
}


def _redirects() -> Iterator[Fault]:
    yield Fault("status-300", REDIRECTED, _redirect(300, ""), status=300)
    yield Fault("status-304", REDIRECTED, (steps.send(head(304, 'ETag: "x"')),), status=304)
    for code in (301, 302, 303, 307, 308):
        for name, location in LOCATIONS.items():
            yield Fault(f"status-{code}-{name}", REDIRECTED, _redirect(code, location), status=code)


RETRY_AFTER = {
    "digits": ("2", 2.0),
    "zero": ("0", 0.0),
    "imf-date": ("Tue, 14 Nov 2023 22:13:22 GMT", 2.0),
    "rfc-850-date": ("Tuesday, 14-Nov-23 22:13:22 GMT", 2.0),
    "asctime-date": ("Tue Nov 14 22:13:22 2023", 2.0),
    "past-date": ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
    "negative": ("-1", None),
    "fraction": ("1.5", 2.0),
    "nan": ("NaN", None),
    "arabic-digit": ("\u0661", None),
    "underscore": ("1_0", None),
    "empty": ("", None),
    "two": ("1, 2", 2.0),
    "echoed-words": (canaries.KEY, None),
    "zoneless-date": ("Tue, 14 Nov 2023 22:13:22", 2.0),
}
LONG = {
    "past-deadline": ("900", 900.0),
    "over-an-hour": ("7200", 7200.0),
    "huge": ("9" * 400, 999_999_999_999_999.0),
}


def _throttled() -> Iterator[Fault]:
    yield Fault("status-429", THROTTLED, answer(429), status=429)
    for name, (text, seconds) in RETRY_AFTER.items():
        field = f"Retry-After: {text}"
        yield Fault(f"status-429-{name}", THROTTLED, answer(429, field), status=429, retry_after=seconds)
        unavailable = FAILED if seconds is None else UNAVAILABLE
        yield Fault(f"status-503-{name}", unavailable, answer(503, field), status=503, retry_after=seconds)
    for name, (text, seconds) in LONG.items():
        for status, event in ((429, THROTTLED_FOR_LONG), (503, UNAVAILABLE_FOR_LONG)):
            script = answer(status, f"Retry-After: {text}")
            yield Fault(f"status-{status}-{name}", event, script, status=status, retry_after=seconds)


STATUSES = [*REFUSALS, *FAILURES, *ODDITIES, *NO_CONTENT, *_redirects(), *_throttled()]
